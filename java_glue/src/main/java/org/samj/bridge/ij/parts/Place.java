package org.samj.bridge.ij.parts;

import ij.Prefs;
import java.awt.GraphicsConfiguration;
import java.awt.GraphicsDevice;
import java.awt.GraphicsEnvironment;
import java.awt.Insets;
import java.awt.Point;
import java.awt.Rectangle;
import java.awt.Toolkit;
import java.awt.Window;
import java.awt.event.ComponentAdapter;
import java.awt.event.ComponentEvent;

/**
 * Where a window stands: beside another one, which it follows, until somebody moves it; from then on where she put it,
 * the next time too, and always whole on a screen.
 */
public final class Place {

    private static final int GAP = 4;
    /** More than a window's frame: that is added to where it was asked to be. */
    private static final int FRAME = 48;

    private final Window window;
    private final Window beside;
    private final String key;
    private final ComponentAdapter follower = new ComponentAdapter() {
        @Override
        public void componentMoved(ComponentEvent e) {
            if (docked && !isMoved()) {
                dock();
            }
        }
    };
    private boolean docked;
    /** Where we put it last: anywhere else, it was the user. */
    private Point ours;

    /**
     * Put a window where it belongs.
     *
     * @param window the window, packed
     * @param beside the one that it stands beside; null: none
     * @param key what its place is remembered by
     */
    public Place(Window window, Window beside, String key) {
        this.window = window;
        this.beside = beside;
        this.key = key;
        Point last = Prefs.getLocation(key);
        if (last != null && isOnScreen(last)) {
            put(last);
        } else {
            dock();
        }
        if (beside != null) {
            beside.addComponentListener(follower);
        }
    }

    /** Keep its height right for what it shows, and all of it on the screen. */
    public void fit() {
        Rectangle usable = usable(window.getGraphicsConfiguration());
        int height = Math.min(window.getPreferredSize().height, usable.height);
        int width = Math.max(window.getWidth(), Math.min(window.getPreferredSize().width, usable.width));
        boolean moved = isMoved();
        window.setSize(width, height);
        if (docked && !moved) {
            dock();
            window.validate();
            return;
        }
        int x = Math.max(usable.x, Math.min(window.getX(), usable.x + usable.width - width));
        int y = Math.max(usable.y, Math.min(window.getY(), usable.y + usable.height - height));
        if (moved) {
            window.setLocation(x, y);
        } else {
            put(new Point(x, y));
        }
        window.validate();
    }

    /** Remember where the user put it; nothing where she did not. */
    public void remember() {
        if (window.isShowing() && isMoved()) {
            Prefs.saveLocation(key, window.getLocation());
        }
    }

    /** Follow nobody any more. */
    public void end() {
        remember();
        if (beside != null) {
            beside.removeComponentListener(follower);
        }
    }

    /** Window managers put windows some pixels beside where they were asked to, for the frame. */
    private boolean isMoved() {
        return ours == null || window.isShowing() && window.getLocation().distance(ours) > FRAME;
    }

    private void put(Point place) {
        ours = place;
        window.setLocation(place);
    }

    private void dock() {
        docked = true;
        if (beside == null) {
            window.setLocationRelativeTo(null);
            ours = window.getLocation();
            return;
        }
        Rectangle screen = usable(beside.getGraphicsConfiguration());
        int left = beside.getX() - window.getWidth() - GAP;
        int right = beside.getX() + beside.getWidth() + GAP;
        boolean fitsRight = right + window.getWidth() <= screen.x + screen.width;
        int x = left >= screen.x ? left : fitsRight ? right : screen.x + screen.width - window.getWidth();
        int y = left >= screen.x || fitsRight ? beside.getY() : beside.getY() + beside.getHeight() + GAP;
        int lowest = screen.y + screen.height - window.getHeight();
        put(new Point(Math.max(screen.x, x), Math.max(screen.y, Math.min(y, lowest))));
    }

    /** Whether the window's bar, by which it is moved, can be got hold of there. */
    private boolean isOnScreen(Point place) {
        Rectangle there = new Rectangle(place, window.getSize());
        for (GraphicsDevice device : GraphicsEnvironment.getLocalGraphicsEnvironment().getScreenDevices()) {
            if (usable(device.getDefaultConfiguration()).contains(there)) {
                return true;
            }
        }
        return false;
    }

    private static Rectangle usable(GraphicsConfiguration screen) {
        Rectangle all = screen.getBounds();
        Insets taken = Toolkit.getDefaultToolkit().getScreenInsets(screen);
        return new Rectangle(all.x + taken.left, all.y + taken.top, all.width - taken.left - taken.right,
            all.height - taken.top - taken.bottom);
    }
}
