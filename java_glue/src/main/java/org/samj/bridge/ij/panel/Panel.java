package org.samj.bridge.ij.panel;

import ij.IJ;
import java.awt.BorderLayout;
import java.awt.Component;
import java.awt.Dimension;
import java.awt.EventQueue;
import java.awt.Rectangle;
import java.awt.event.ComponentAdapter;
import java.awt.event.ComponentEvent;
import javax.swing.Box;
import javax.swing.BoxLayout;
import javax.swing.JComponent;
import javax.swing.JFrame;
import javax.swing.JPanel;
import javax.swing.JScrollPane;
import javax.swing.Scrollable;
import javax.swing.Timer;
import org.samj.bridge.ij.models.ModelRows;
import org.samj.bridge.ij.parts.Fold;
import org.samj.bridge.ij.parts.Place;
import org.samj.bridge.ij.parts.Sizes;
import org.samj.bridge.ij.work.Desk;
import org.samj.bridge.ij.work.Gestures;

/**
 * The window beside the toolbar. From the top: what to do next, the model, the working controls, the options and the
 * objects where they are wanted, and what happened in words.
 */
public final class Panel extends JFrame {

    /** ImageJ tells nobody that another image or tool is taken: a glance so often, which costs nothing. */
    private static final int EVERY_MS = 300;
    /** Times the height of the letters. */
    private static final double PAGE_WIDTH = 30;

    private final ModelRows model;
    private final First first;
    private final Hint hint;
    private final ToolRow tools;
    private final ImageRow image;
    private final ObjectList objects;
    private final Fold list;
    private final StackRows stack;
    private final Fold through;
    private final Timer glances = new Timer(EVERY_MS, e -> look());
    private transient Place place;
    private boolean fitting;

    /**
     * The window, not shown yet.
     *
     * @param desk what it works with
     * @param gestures the tool, which does what is asked for on an image
     */
    public Panel(Desk desk, Gestures gestures) {
        super("SAMJ");
        setName("SAMJ panel");
        setDefaultCloseOperation(HIDE_ON_CLOSE);
        Runnable turned = this::fitSoon;
        model = new ModelRows(desk);
        first = new First(desk, model, gestures);
        hint = new Hint(gestures, desk.results, turned);
        image = new ImageRow(desk.talk, turned);
        objects = new ObjectList(desk);
        list = new Fold("Objects", 'J', objects, turned);
        Running running = new Running(desk, this::begunOrEnded);
        tools = new ToolRow(desk, gestures, running);
        stack = new StackRows(desk, running);
        through = new Fold("Through the stack", 'K', stack, turned);
        through.setVisible(false);
        Fold options = new Fold("Options", 'P', new OptionRows(desk.talk), turned);
        Fold upkeep = new Fold("Your set-up", 'Y', model.upkeep(), turned);
        Told told = new Told(desk.talk, new Mending(model, gestures), turned, this::lookSoon);
        JScrollPane scroll = new JScrollPane(new Page(first, model.progress(), hint, model, tools, running, image,
            through, options, list, upkeep, told));
        scroll.setBorder(null);
        scroll.setHorizontalScrollBarPolicy(JScrollPane.HORIZONTAL_SCROLLBAR_NEVER);
        scroll.getVerticalScrollBar().setUnitIncrement(Sizes.em(2));
        add(scroll, BorderLayout.CENTER);
        model.progress().addComponentListener(new ComponentAdapter() {
            @Override
            public void componentShown(ComponentEvent e) {
                fitSoon();
            }

            @Override
            public void componentHidden(ComponentEvent e) {
                fitSoon();
            }
        });
        list.setVisible(false);
        Sizes.scale(getContentPane());
        look();
        pack();
        place = new Place(this, IJ.getInstance(), "samj.panel");
        place.fit();
    }

    @Override
    public void setVisible(boolean on) {
        if (on) {
            glances.start();
        } else {
            glances.stop();
            place.remember();
        }
        super.setVisible(on);
    }

    /** Stop what is being installed, and close the window. */
    @Override
    public void dispose() {
        glances.stop();
        if (place != null) {
            place.end();
        }
        model.stop();
        super.dispose();
    }

    /** Stop what is being installed. From any thread. */
    public void stop() {
        model.stop();
    }

    /** Wait a moment for what was stopped. Not on the event thread. */
    public void join() {
        model.join();
    }

    private void look() {
        first.look();
        hint.look(model.missing().isEmpty());
        image.look();
        tools.look();
        boolean isStack = stack.look();
        if (through.isVisible() != isStack) {
            through.setVisible(isStack);
            fitSoon();
        }
        int many = objects.look();
        list.say(many == 0 ? "" : "(" + many + ")");
        if (list.isVisible() != many > 0) {
            list.setVisible(many > 0);
            if (many > 0 && !list.isDecided()) {
                list.open();
            }
            fitSoon();
        }
    }

    /** What was told changes what is next. */
    private void lookSoon() {
        if (glances.isRunning()) {
            EventQueue.invokeLater(this::look);
        }
    }

    private void begunOrEnded() {
        tools.look();
        fitSoon();
    }

    /** Once for all that changes now. */
    private void fitSoon() {
        if (!fitting && place != null) {
            fitting = true;
            EventQueue.invokeLater(() -> {
                fitting = false;
                place.fit();
            });
        }
    }

    /** As wide as the window: only its height scrolls, where the screen is low. */
    private static final class Page extends JPanel implements Scrollable {

        Page(JComponent... parts) {
            setLayout(new BoxLayout(this, BoxLayout.Y_AXIS));
            setBorder(Sizes.space(0.6, 0.7, 0.6));
            for (JComponent part : parts) {
                part.setAlignmentX(Component.LEFT_ALIGNMENT);
                add(part);
                add(Box.createVerticalStrut(Sizes.em(0.25)));
            }
        }

        @Override
        public Dimension getPreferredScrollableViewportSize() {
            // Sections that open make it higher, never wider: it would cover the image.
            return new Dimension(Sizes.em(PAGE_WIDTH), getPreferredSize().height);
        }

        @Override
        public int getScrollableUnitIncrement(Rectangle visible, int orientation, int direction) {
            return Sizes.em(2);
        }

        @Override
        public int getScrollableBlockIncrement(Rectangle visible, int orientation, int direction) {
            return visible.height;
        }

        @Override
        public boolean getScrollableTracksViewportWidth() {
            return true;
        }

        @Override
        public boolean getScrollableTracksViewportHeight() {
            return false;
        }
    }
}
