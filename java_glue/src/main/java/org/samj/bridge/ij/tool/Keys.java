package org.samj.bridge.ij.tool;

import ij.ImageJ;
import ij.ImagePlus;
import ij.WindowManager;
import ij.gui.ImageWindow;
import java.awt.Component;
import java.awt.KeyEventDispatcher;
import java.awt.KeyboardFocusManager;
import java.awt.Toolkit;
import java.awt.Window;
import java.awt.event.KeyEvent;
import javax.swing.SwingUtilities;

/**
 * Keys on an image while an object is shown there. ImageJ's listeners stay where they are: a key is taken only when
 * it means something here, and every other goes on to ImageJ.
 */
public final class Keys implements KeyEventDispatcher {

    private final Live live;
    /** A key whose press was taken: its typed and released events must not reach ImageJ either. */
    private int taken = KeyEvent.VK_UNDEFINED;

    /** Takes no key yet. */
    public Keys(Live live) {
        this.live = live;
    }

    /** Take keys from now on. */
    public void install() {
        KeyboardFocusManager.getCurrentKeyboardFocusManager().addKeyEventDispatcher(this);
    }

    /** Take no more keys. */
    public void remove() {
        KeyboardFocusManager.getCurrentKeyboardFocusManager().removeKeyEventDispatcher(this);
    }

    /** What the undo key is called here. */
    static String undoKey() {
        return ij.IJ.isMacOSX() ? "Cmd-Z" : "Ctrl-Z";
    }

    @Override
    public boolean dispatchKeyEvent(KeyEvent e) {
        if (e.getID() != KeyEvent.KEY_PRESSED) {
            boolean rest = taken != KeyEvent.VK_UNDEFINED;
            if (e.getID() == KeyEvent.KEY_RELEASED && e.getKeyCode() == taken) {
                taken = KeyEvent.VK_UNDEFINED;
            }
            return rest;
        }
        taken = KeyEvent.VK_UNDEFINED;
        ImagePlus imp = imageOf(e.getComponent());
        if (imp == null) {
            return false;
        }
        // One whose handling failed was meant for us all the same: ImageJ would make something else of it.
        boolean[] ours = {true};
        live.desk.talk.guarded(() -> ours[0] = press(imp, e));
        if (!ours[0]) {
            return false;
        }
        taken = e.getKeyCode();
        e.consume();
        return true;
    }

    private boolean press(ImagePlus imp, KeyEvent e) {
        if (e.getModifiers() == Toolkit.getDefaultToolkit().getMenuShortcutKeyMask()) {
            if (e.getKeyCode() == KeyEvent.VK_Z) {
                return live.undo(imp);
            }
            return e.getKeyCode() == KeyEvent.VK_Y && live.redo(imp);
        }
        if (e.getModifiers() != 0) {
            return false;
        }
        if (!live.isBusyWith(imp)) {
            boolean keep = e.getKeyCode() == KeyEvent.VK_ENTER || e.getKeyCode() == KeyEvent.VK_T;
            return keep && live.acceptPreview(imp);
        }
        switch (e.getKeyCode()) {
            case KeyEvent.VK_ENTER:
            case KeyEvent.VK_T:
                live.accept(imp);
                return true;
            case KeyEvent.VK_ESCAPE:
                live.drop(imp);
                return true;
            case KeyEvent.VK_1:
            case KeyEvent.VK_2:
            case KeyEvent.VK_3:
                // ImageJ's gel commands have these keys: they are not meant while an object is shown.
                live.choose(imp, e.getKeyCode() - KeyEvent.VK_1);
                return true;
            default:
                return false;
        }
    }

    private static ImagePlus imageOf(Component component) {
        if (component == null) {
            return null;
        }
        Window window = component instanceof Window ? (Window) component : SwingUtilities.getWindowAncestor(component);
        if (window instanceof ImageJ) {
            // ImageJ's own shortcuts work from its toolbar too, on the current image.
            return WindowManager.getCurrentImage();
        }
        return window instanceof ImageWindow ? ((ImageWindow) window).getImagePlus() : null;
    }
}
