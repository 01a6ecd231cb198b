import ij.IJ;
import ij.ImageJ;
import ij.ImagePlus;
import ij.gui.ImageCanvas;
import ij.gui.Roi;
import ij.gui.Toolbar;
import ij.io.RoiEncoder;
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
import javax.imageio.ImageIO;
import javax.swing.AbstractButton;
import javax.swing.JButton;
import javax.swing.JComboBox;
import javax.swing.JTextArea;
import javax.swing.text.JTextComponent;

/**
 * A person at an ImageJ that has our jar among its plugins and nothing else: starts it, and uses a real mouse.
 *
 * <p>java -cp ij.jar Drive.java WAY IMAGE X Y FOUND.roi [SHOT.png]; WAY is "button" (Set up in the panel, then a click) or
 * "click" (a click at once, and OK). It is compiled as it is started, and knows our classes by the names of windows only.
 */
public class Drive {

    private static final long PATIENCE_MS = 540_000;
    private static Robot robot;

    public static void main(String[] arguments) throws Exception {
        long started = System.nanoTime();
        String way = arguments[0];
        int x = Integer.parseInt(arguments[2]);
        int y = Integer.parseInt(arguments[3]);
        robot = new Robot();
        robot.setAutoDelay(20);
        EventQueue.invokeAndWait(() -> new ImageJ());
        say("imagej", started);
        ImagePlus imp = IJ.openImage(arguments[1]);
        EventQueue.invokeAndWait(imp::show);
        IJ.run("SAMJ Panel");
        Component panel = wait("the panel", () -> window("SAMJ panel"));
        long asked = System.nanoTime();
        if (way.equals("button")) {
            AbstractButton button = wait("Set up", () -> {
                AbstractButton next = (AbstractButton) part((Container) panel, "samj ready");
                return next.getText().equals("Set up") ? next : null;
            });
            System.out.println("sentence " + ((JTextArea) part((Container) panel, "samj next")).getText());
            if (arguments.length > 5) {
                shot(arguments[5]);
            }
            push(button);
            wait("the end of the set-up", () -> {
                String said = ((JTextComponent) part((Container) panel, "samj message")).getText();
                if (said.contains("fail") || said.contains("can't") || said.contains("could not")) {
                    throw new IllegalStateException(said);
                }
                return button.isEnabled() && !button.getText().contains("ett") ? panel : null;
            });
            say("set-up", asked);
            JComboBox<?> models = (JComboBox<?>) part((Container) panel, "samj model");
            wait("the models of the catalog", () -> models.getItemCount() > 5 ? models : null);
            System.out.println("models " + models.getItemCount());
        }
        wait("the image in front", () -> imp.getWindow() != null && imp.getWindow().isActive() ? imp : toFront(imp));
        tool();
        long clicked = System.nanoTime();
        click(imp, x, y);
        if (way.equals("click")) {
            push(wait("the question", () -> text("OK")));
        }
        Roi roi = wait("an outline", () -> {
            return imp.getRoi() != null && imp.getRoi().getProperty("prompt") != null ? imp.getRoi() : null;
        });
        say("outline", clicked);
        RoiEncoder.save(roi, arguments[4]);
        EventQueue.invokeAndWait(() -> {
            imp.changes = false;
            imp.close();
        });
        IJ.getInstance().exitWhenQuitting(true);
        IJ.getInstance().quit();
        Thread.sleep(10_000);
        System.exit(3);
    }

    private static ImagePlus toFront(ImagePlus imp) {
        EventQueue.invokeLater(() -> imp.getWindow().toFront());
        return null;
    }

    /** The button in ImageJ's toolbar, pressed. */
    private static void tool() throws Exception {
        Toolbar bar = Toolbar.getInstance();
        int wanted = bar.getToolId("SAMJ Tool (drag: box; click: point; Alt or right click: outside; Shift: more of the same)");
        EventQueue.invokeAndWait(() -> bar.setTool(wanted));
    }

    private static void click(ImagePlus imp, int x, int y) {
        ImageCanvas canvas = imp.getCanvas();
        Point corner = canvas.getLocationOnScreen();
        double scale = canvas.getMagnification();
        robot.mouseMove(corner.x + (int) ((x - canvas.getSrcRect().x + 0.5) * scale),
            corner.y + (int) ((y - canvas.getSrcRect().y + 0.5) * scale));
        press();
    }

    private static void push(Component part) {
        Point corner = part.getLocationOnScreen();
        robot.mouseMove(corner.x + part.getWidth() / 2, corner.y + part.getHeight() / 2);
        press();
    }

    private static void press() {
        robot.mousePress(InputEvent.BUTTON1_DOWN_MASK);
        robot.mouseRelease(InputEvent.BUTTON1_DOWN_MASK);
        robot.waitForIdle();
    }

    private static Component window(String name) {
        for (Window window : Window.getWindows()) {
            if (name.equals(window.getName()) && window.isShowing()) {
                return window;
            }
        }
        return null;
    }

    private static Component text(String words) {
        for (Window window : Window.getWindows()) {
            Component found = window.isShowing() ? button(window, words) : null;
            if (found != null) {
                return found;
            }
        }
        return null;
    }

    private static Component button(Container all, String words) {
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

    private static Component part(Container all, String name) {
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

    private static <T> T wait(String what, Callable<T> look) throws Exception {
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
        System.exit(4);
        return null;
    }

    private static void shot(String file) throws Exception {
        Thread.sleep(500);
        Rectangle all = new Rectangle(java.awt.Toolkit.getDefaultToolkit().getScreenSize());
        ImageIO.write(robot.createScreenCapture(all), "png", new File(file));
    }

    private static void say(String what, long since) {
        System.out.println(what + " " + (System.nanoTime() - since) / 1_000_000 + " ms");
    }
}
