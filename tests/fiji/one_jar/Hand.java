import ij.ImageJ;
import ij.ImagePlus;
import ij.gui.ImageCanvas;
import ij.gui.Toolbar;
import java.awt.Component;
import java.awt.Container;
import java.awt.EventQueue;
import java.awt.Point;
import java.awt.Rectangle;
import java.awt.Robot;
import java.awt.Window;
import java.awt.event.InputEvent;
import java.io.File;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Predicate;
import javax.imageio.ImageIO;
import javax.swing.AbstractButton;
import javax.swing.JButton;
import javax.swing.JComponent;
import javax.swing.JLabel;
import javax.swing.text.JTextComponent;

/** A hand at mouse and windows, and an eye that waits for what it is to see; it ends the program when it waits in vain. */
class Hand {

    static final long PATIENCE_MS = Long.getLong("patience_s", 540) * 1000;
    static Robot robot;

    /** Wait until a field says something, and return it. */
    static String words(Container panel, String name, Predicate<String> wanted) throws Exception {
        return wait(name, () -> {
            String said = said(part(panel, name));
            return wanted.test(said) ? said : null;
        });
    }

    static String said(Component part) {
        return part instanceof JLabel ? ((JLabel) part).getText() : part instanceof AbstractButton
            ? ((AbstractButton) part).getText() : ((JTextComponent) part).getText();
    }

    static void front(ImagePlus imp) throws Exception {
        wait("the image in front", () -> imp.getWindow() != null && imp.getWindow().isActive() ? imp : toFront(imp));
    }

    static ImagePlus toFront(ImagePlus imp) {
        EventQueue.invokeLater(() -> imp.getWindow().toFront());
        return null;
    }

    /** The button in ImageJ's toolbar, pressed. */
    static void tool() throws Exception {
        Toolbar bar = Toolbar.getInstance();
        int wanted = bar.getToolId("SAMJ Tool (drag: box; click: point; Alt or right click: outside; Shift: more of the same)");
        EventQueue.invokeAndWait(() -> bar.setTool(wanted));
    }

    static void click(ImagePlus imp, int x, int y) {
        ImageCanvas canvas = imp.getCanvas();
        Point corner = canvas.getLocationOnScreen();
        double scale = canvas.getMagnification();
        robot.mouseMove(corner.x + (int) ((x - canvas.getSrcRect().x + 0.5) * scale),
            corner.y + (int) ((y - canvas.getSrcRect().y + 0.5) * scale));
        press();
    }

    static void drag(ImagePlus imp, int[] box) {
        ImageCanvas canvas = imp.getCanvas();
        Point corner = canvas.getLocationOnScreen();
        double scale = canvas.getMagnification();
        robot.mouseMove(corner.x + (int) ((box[0] + 0.5) * scale), corner.y + (int) ((box[1] + 0.5) * scale));
        robot.mousePress(InputEvent.BUTTON1_DOWN_MASK);
        for (int i = 1; i <= 4; i++) {
            robot.mouseMove(corner.x + (int) ((box[0] + (box[2] - box[0]) * i / 4.0 + 0.5) * scale),
                corner.y + (int) ((box[1] + (box[3] - box[1]) * i / 4.0 + 0.5) * scale));
        }
        robot.mouseRelease(InputEvent.BUTTON1_DOWN_MASK);
        robot.waitForIdle();
    }

    static Component showing(Component part) {
        return part != null && part.isShowing() && part.isEnabled() ? part : null;
    }

    static boolean showing(Container all, String name) {
        Component part = part(all, name);
        return part != null && part.isShowing();
    }

    static void push(Component part) throws Exception {
        // A low screen scrolls.
        EventQueue.invokeAndWait(() -> ((JComponent) part).scrollRectToVisible(new Rectangle(part.getSize())));
        robot.delay(400);
        Point corner = part.getLocationOnScreen();
        robot.mouseMove(corner.x + part.getWidth() / 2, corner.y + part.getHeight() / 2);
        press();
    }

    static void press() {
        robot.mousePress(InputEvent.BUTTON1_DOWN_MASK);
        robot.mouseRelease(InputEvent.BUTTON1_DOWN_MASK);
        robot.waitForIdle();
    }

    static Component window(String name) {
        for (Window window : Window.getWindows()) {
            if (name.equals(window.getName()) && window.isShowing()) {
                return window;
            }
        }
        return null;
    }

    static Component text(String words) {
        for (Window window : Window.getWindows()) {
            Component found = window.isShowing() ? button(window, words) : null;
            if (found != null) {
                return found;
            }
        }
        return null;
    }

    static Component button(Container all, String words) {
        for (Component one : all.getComponents()) {
            if (one instanceof JButton && words.equals(((JButton) one).getText()) && one.isShowing()) {
                return one;
            }
            Component inside = one instanceof Container ? button((Container) one, words) : null;
            if (inside != null) {
                return inside;
            }
        }
        return null;
    }

    static Component part(Container all, String name) {
        for (Component one : all.getComponents()) {
            if (name.equals(one.getName())) {
                return one;
            }
            Component inside = one instanceof Container ? part((Container) one, name) : null;
            if (inside != null) {
                return inside;
            }
        }
        return null;
    }

    static <T> T wait(String what, Callable<T> look) throws Exception {
        long until = System.currentTimeMillis() + PATIENCE_MS;
        while (System.currentTimeMillis() < until) {
            AtomicReference<T> found = new AtomicReference<>();
            AtomicReference<Exception> wrong = new AtomicReference<>();
            EventQueue.invokeAndWait(() -> {
                try {
                    found.set(look.call());
                } catch (Exception error) {
                    wrong.set(error);
                }
            });
            if (wrong.get() != null) {
                System.out.println("failed " + wrong.get().getMessage());
                System.exit(2);
            }
            if (found.get() != null) {
                return found.get();
            }
            Thread.sleep(50);
        }
        System.out.println("failed waiting for " + what);
        Component panel = window("SAMJ panel");
        for (String name : new String[] {"samj ready", "samj next", "samj state", "samj message"}) {
            System.out.println(name + ": " + (panel == null ? "no panel" : said(part((Container) panel, name))));
        }
        shot("failed");
        System.exit(4);
        return null;
    }

    static void shot(String name) throws Exception {
        String folder = System.getenv("SAMJ_TEST_SHOTS");
        if (folder != null) {
            Thread.sleep(500);
            Rectangle all = new Rectangle(java.awt.Toolkit.getDefaultToolkit().getScreenSize());
            ImageIO.write(robot.createScreenCapture(all), "png", new File(folder, "one-jar-" + name + ".png"));
        }
    }
}
