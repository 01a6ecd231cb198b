import ij.IJ;
import ij.ImageJ;
import ij.ImagePlus;
import ij.gui.ImageCanvas;
import ij.gui.Roi;
import ij.gui.Toolbar;
import ij.io.RoiEncoder;
import ij.plugin.frame.Recorder;
import java.awt.Component;
import java.awt.Container;
import java.awt.EventQueue;
import java.awt.Point;
import java.awt.Rectangle;
import java.awt.Robot;
import java.awt.Window;
import java.awt.event.InputEvent;
import java.io.File;
import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Arrays;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicReference;
import javax.imageio.ImageIO;
import javax.swing.AbstractButton;
import javax.swing.JButton;
import javax.swing.JComboBox;
import javax.swing.JComponent;
import javax.swing.JTextArea;
import javax.swing.text.JTextComponent;

/**
 * A person at an ImageJ that has our jar among its plugins and nothing else: starts it, and uses a real mouse.
 *
 * <p>java -cp ij.jar Drive.java WAY IMAGE X Y FOUND.roi AGAIN.roi MORE; FOUND is what a click there gave, AGAIN what it gave
 * later. SAMJ_TEST_SHOTS may name a folder for pictures. WAY is one of:
 * <ul>
 * <li>"button": Set up in the panel, then a click; Repair, then the same click.
 * <li>"click": a click at once, and OK.
 * <li>"update": the button that updates, then a click; the home folder deleted, then a click on another image, and OK;
 *     Remove. MORE is a folder with an environment, to be found in the new home.
 * </ul>
 * It is compiled as it is started, and knows our classes by the names of windows only.
 */
public class Drive {

    private static final long PATIENCE_MS = 540_000;
    private static final Path HOME = Paths.get(System.getProperty("user.home"), ".local", "share", "samj-bridge");
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
        Container panel = (Container) wait("the panel", () -> window("SAMJ panel"));
        long asked = System.nanoTime();
        Recorder recorder = new Recorder(false);
        if (way.equals("button")) {
            setUp(panel);
            say("set-up", asked);
        } else if (way.equals("update")) {
            push(wait("the update", () -> showing(part(panel, "samj update"))));
            ended(panel, "Update to");
            System.out.println("hosts " + Arrays.toString(HOME.resolve("host").toFile().list()));
        }
        front(imp);
        tool();
        long clicked = System.nanoTime();
        click(imp, x, y);
        if (way.equals("click")) {
            push(wait("the question", () -> text("OK")));
        }
        outline(imp, arguments[4]);
        say("outline", clicked);
        if (way.equals("button")) {
            push(part(panel, "samj fold Your set-up"));
            push(wait("Repair", () -> showing(part(panel, "samj repair"))));
            ended(panel, "Repaired");
            front(imp);
            click(imp, x, y);
            outline(imp, arguments[5]);
        } else if (way.equals("update")) {
            imp = anotherImage(imp);
            delete(HOME);
            Files.createDirectories(HOME);
            Files.createSymbolicLink(HOME.resolve("envs"), Paths.get(arguments[6]));
            front(imp);
            click(imp, x, y);
            push(wait("the question", () -> text("OK")));
            outline(imp, arguments[5]);
            remove(panel);
        }
        for (String line : recorder.getText().split("\n")) {
            if (line.contains("SAMJ")) {
                System.out.println("recorded " + line);
            }
        }
        quit(imp);
    }

    private static void setUp(Container panel) throws Exception {
        AbstractButton button = wait("Set up", () -> {
            AbstractButton next = (AbstractButton) part(panel, "samj ready");
            return next.getText().equals("Set up") ? next : null;
        });
        System.out.println("sentence " + ((JTextArea) part(panel, "samj next")).getText());
        shot("set-up");
        push(button);
        wait("the end of the set-up", () -> {
            String said = ((JTextComponent) part(panel, "samj message")).getText();
            check(said);
            return button.isEnabled() && !button.getText().contains("ett") ? panel : null;
        });
        JComboBox<?> models = (JComboBox<?>) part(panel, "samj model");
        wait("the models of the catalog", () -> models.getItemCount() > 5 ? models : null);
        System.out.println("models " + models.getItemCount());
    }

    /** Remove by its button, after the question; the panel knows then what is first. */
    private static void remove(Container panel) throws Exception {
        if (showing(part(panel, "samj remove")) == null) {
            push(part(panel, "samj fold Your set-up"));
        }
        push(wait("Remove", () -> showing(part(panel, "samj remove"))));
        Container question = (Container) wait("what goes", () -> window("SAMJ removal"));
        System.out.println("removal " + ((JTextComponent) part(question, "samj removal")).getText().replace("\n", " "));
        shot("removal");
        push(button(question, "Remove"));
        ended(panel, "SAMJ is removed");
        wait("the first step", () -> ((AbstractButton) part(panel, "samj ready")).getText().equals("Set up") ? panel : null);
    }

    /** Wait until the panel says how something ended. */
    private static void ended(Container panel, String words) throws Exception {
        wait(words, () -> {
            String said = ((JTextComponent) part(panel, "samj message")).getText();
            check(said);
            return said.startsWith(words) && !showing(panel, "samj cancel installation") ? panel : null;
        });
    }

    private static void check(String said) {
        if (said.contains("fail") || said.contains("can't") || said.contains("could not")) {
            throw new IllegalStateException(said);
        }
    }

    private static void outline(ImagePlus imp, String file) throws Exception {
        Roi roi = wait("an outline", () -> {
            return imp.getRoi() != null && imp.getRoi().getProperty("score") != null ? imp.getRoi() : null;
        });
        RoiEncoder.save(roi, file);
        EventQueue.invokeAndWait(imp::deleteRoi);
    }

    private static ImagePlus anotherImage(ImagePlus imp) throws Exception {
        ImagePlus other = imp.duplicate();
        EventQueue.invokeAndWait(() -> {
            imp.changes = false;
            imp.close();
            other.show();
        });
        return other;
    }

    private static void front(ImagePlus imp) throws Exception {
        wait("the image in front", () -> imp.getWindow() != null && imp.getWindow().isActive() ? imp : toFront(imp));
    }

    private static void delete(Path folder) throws IOException {
        Files.walkFileTree(folder, new SimpleFileVisitor<Path>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.delete(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path empty, IOException error) throws IOException {
                Files.delete(empty);
                return FileVisitResult.CONTINUE;
            }
        });
    }

    private static void quit(ImagePlus imp) throws Exception {
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

    private static Component showing(Component part) {
        return part != null && part.isShowing() && part.isEnabled() ? part : null;
    }

    private static boolean showing(Container all, String name) {
        Component part = part(all, name);
        return part != null && part.isShowing();
    }

    private static void push(Component part) throws Exception {
        // A low screen scrolls.
        EventQueue.invokeAndWait(() -> ((JComponent) part).scrollRectToVisible(new Rectangle(part.getSize())));
        robot.delay(400);
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

    private static void shot(String name) throws Exception {
        String folder = System.getenv("SAMJ_TEST_SHOTS");
        if (folder != null) {
            Thread.sleep(500);
            Rectangle all = new Rectangle(java.awt.Toolkit.getDefaultToolkit().getScreenSize());
            ImageIO.write(robot.createScreenCapture(all), "png", new File(folder, "one-jar-" + name + ".png"));
        }
    }

    private static void say(String what, long since) {
        System.out.println(what + " " + (System.nanoTime() - since) / 1_000_000 + " ms");
    }
}
