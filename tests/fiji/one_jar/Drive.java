import ij.IJ;
import ij.ImageJ;
import ij.ImagePlus;
import ij.gui.Roi;
import ij.io.RoiEncoder;
import ij.plugin.frame.Recorder;
import java.awt.Container;
import java.awt.EventQueue;
import java.awt.Robot;
import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Arrays;
import javax.swing.AbstractButton;
import javax.swing.JComboBox;
import javax.swing.JTextArea;
import javax.swing.text.JTextComponent;

/**
 * A person at an ImageJ that has our jar among its plugins and nothing else: starts it, and uses a real mouse.
 *
 * <p>java -cp ij.jar:CLASSES Drive WAY IMAGE X Y FOUND.roi AGAIN.roi MORE; FOUND is what a click there gave, AGAIN what it gave
 * later. SAMJ_TEST_SHOTS may name a folder for pictures. WAY is one of:
 * <ul>
 * <li>"button": Set up in the panel, then a click; Repair, then the same click.
 * <li>"click": a click at once, and OK.
 * <li>"update": the button that updates, then a click; the home folder deleted, then a click on another image, and OK;
 *     Remove. MORE is a folder with an environment, to be found in the new home.
 * <li>"model": Set up, then a model installed from the panel, stopped half-way and gone on with; a click and a box with it,
 *     and a click with the starter again. MORE is how the model's title begins, and the box: x0 y0 x1 y1.
 * </ul>
 * It knows our classes by the names of windows only.
 */
public class Drive extends Hand {

    private static final Path HOME = Paths.get(System.getProperty("user.home"), ".local", "share", "samj-bridge");
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
        if (way.equals("button") || way.equals("model")) {
            setUp(panel);
            say("set-up", asked);
        }
        if (way.equals("model")) {
            install(panel, arguments[6]);
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
        } else if (way.equals("model")) {
            System.out.println("point " + words(panel, "samj message", said -> said.contains("box")));
            drag(imp, Arrays.stream(arguments).skip(7).mapToInt(Integer::parseInt).toArray());
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
        } else if (way.equals("model")) {
            choose(panel, "Starter");
            front(imp);
            click(imp, x, y);
            outline(imp, arguments[5]);
            push(part(panel, "samj fold Your set-up"));
            push(wait("Remove", () -> showing(part(panel, "samj remove"))));
            Container question = (Container) wait("what goes", () -> window("SAMJ removal"));
            System.out.println("removal " + ((JTextComponent) part(question, "samj removal")).getText().replace("\n", " "));
            push(button(question, "Keep it"));
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

    /** Install a model by the large button; stopped when bytes have come, and gone on with. */
    private static void install(Container panel, String title) throws Exception {
        choose(panel, title);
        AbstractButton button = wait("Install", () -> {
            AbstractButton next = (AbstractButton) showing(part(panel, "samj ready"));
            return next != null && next.getText().startsWith("Install (") ? next : null;
        });
        System.out.println("offered " + button.getText());
        push(button);
        System.out.println("coming " + words(panel, "samj state", said -> said.matches("[1-9].* left")));
        shot("model");
        push(part(panel, "samj cancel installation"));
        System.out.println("stopped " + words(panel, "samj message", said -> said.contains("topped")));
        wait("the rest", () -> button.isEnabled() && button.getText().startsWith("Go on") ? button : null);
        System.out.println("offered " + button.getText());
        push(button);
        ended(panel, title);
    }

    private static void choose(Container panel, String title) throws Exception {
        JComboBox<?> models = (JComboBox<?>) part(panel, "samj model");
        EventQueue.invokeAndWait(() -> {
            for (int i = 0; i < models.getItemCount(); i++) {
                if (models.getItemAt(i).toString().startsWith(title)) {
                    models.setSelectedIndex(i);
                }
            }
        });
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

    private static void say(String what, long since) {
        System.out.println(what + " " + (System.nanoTime() - since) / 1_000_000 + " ms");
    }
}
