package org.samj.bridge.appose;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;
import org.samj.bridge.Home;
import org.samj.bridge.SegmenterException;

public class CardTest {

    private static final String GOOD = "{\"format\": 1, \"version\": \"0.1.0\", \"protocol\": \"1.1\","
        + " \"command\": [\"PYTHON\", \"-I\", \"BUNDLE\", \"--threads\", \"2\"], \"python\": \"PYTHON\", \"bundle\": \"BUNDLE\","
        + " \"path\": [\"one\", \"two\"], \"variables\": {\"CONDA_PREFIX\": \"é 漢\"}, \"logs\": \"logs\","
        + " \"device\": \"auto\", \"precision\": \"float32\", \"timeout_s\": 600.0, \"unknown\": [],"
        + " \"models\": [{\"id\": \"starter\", \"title\": \"T\", \"family\": \"starter\", \"architecture\": \"a\","
        + " \"transform\": \"t\", \"checkpoint\": \"WEIGHTS\", \"prompts\": [\"box\", \"points\"], \"size_bytes\": 5000000000,"
        + " \"licence\": \"Apache-2.0\", \"good_for\": \"nuclei\"}]}";

    @Rule
    public TemporaryFolder folder = new TemporaryFolder();

    @Test
    public void everythingOnTheCardIsRead() throws IOException {
        Card card = read(GOOD);
        assertEquals("1.1", card.protocol);
        assertEquals(Paths.get("PYTHON"), card.python);
        assertEquals("float32", card.precision);
        assertEquals(600, card.timeoutS, 0);
        assertEquals("two", card.environment().get("PATH").split(File.pathSeparator)[1]);
        assertTrue(card.environment().get("PATH").endsWith(System.getenv("PATH")));
        assertEquals("é 漢", card.environment().get("CONDA_PREFIX"));
        Card.Model model = card.model("starter");
        assertEquals(5_000_000_000L, model.sizeBytes);
        assertEquals("nuclei", model.goodFor);
        assertEquals(2, model.prompts.size());
        assertEquals("PYTHON -I BUNDLE --threads 2 --host ", String.join(" ", card.command()).replaceAll("[0-9]+$", ""));
    }

    @Test
    public void withoutACardItIsSaidHowToGetOne() {
        SegmenterException error = refused(folder.getRoot().toPath().resolve("nowhere"));
        assertEquals("not-set-up", error.code());
        assertTrue(error.getMessage(), error.getMessage().contains("worker.json"));
        assertTrue(error.hint(), error.hint().startsWith("Run: samj-bridge setup"));
    }

    @Test
    public void aDamagedCardIsNamedWithTheReason() throws IOException {
        for (String text : new String[] {"", "[]", "{\"format\"", GOOD.substring(0, 300), "\u0000\u0001", "nonsense",
                GOOD.replace("\"format\": 1", "\"format\": \"one\"")}) {
            SegmenterException error = refused(written(text));
            assertEquals(text, "bad-card", error.code());
            assertTrue(error.getMessage(), error.getMessage().contains("worker.json is damaged: "));
            assertTrue(error.hint(), error.hint().startsWith("Run: samj-bridge setup"));
        }
    }

    @Test
    public void aMissingFieldIsNamed() throws IOException {
        for (String name : new String[] {"command", "python", "models", "timeout_s", "checkpoint", "good_for"}) {
            SegmenterException error = refused(written(GOOD.replace('"' + name + '"', "\"other\"")));
            assertTrue(error.getMessage(), error.getMessage().endsWith("is damaged: it has no " + name + "."));
        }
    }

    @Test
    public void aNewerCardIsRefusedAndSaysWhichSideIsOld() throws IOException {
        SegmenterException error = refused(written("{\"format\": 2, \"version\": \"9.1\"}"));
        assertEquals("newer-card", error.code());
        assertTrue(error.getMessage(), error.getMessage().contains("newer samj-bridge (9.1)"));
        assertTrue(error.hint(), error.hint().contains("SAMJ_Bridge.jar"));
    }

    @Test
    public void whatTheCardNamesIsLookedFor() throws IOException {
        String python = folder.newFile("python").getPath();
        String bundle = folder.newFile("bundle.zip").getPath();
        String named = GOOD.replace("PYTHON", python);
        assertEquals("environment-gone", gone(GOOD));
        assertEquals("bundle-gone", gone(named));
        assertEquals("weights-missing", gone(named.replace("BUNDLE", bundle)));
    }

    @Test
    public void aPythonThatIsNoneIsToldInWords() throws IOException {
        String file = folder.newFile("python").getPath();
        Card card = read(GOOD.replace("PYTHON", file).replace("BUNDLE", file).replace("WEIGHTS", file));
        SegmenterException error = assertThrows(SegmenterException.class,
            () -> Worker.launch(card, card.model("starter")));
        assertEquals("install", error.code());
        assertTrue(error.getMessage(), error.getMessage().startsWith(file + " can't be started: "));
    }

    @Test
    public void aModelThatIsNotInstalledIsToldWithThoseThatAre() throws IOException {
        Card card = read(GOOD);
        SegmenterException error = assertThrows(SegmenterException.class, () -> card.model("sam-vit-b"));
        assertEquals("The model 'sam-vit-b' is not installed; there is: starter.", error.getMessage());
        assertEquals("Install it: samj-bridge models install sam-vit-b", error.hint());
    }

    @Test
    public void theHomeIsTheOneThatIsNamed() {
        String before = System.getProperty("samj.home");
        try {
            System.setProperty("samj.home", "here");
            assertEquals(Paths.get("here").toAbsolutePath(), Home.folder());
            System.clearProperty("samj.home");
            String variable = System.getenv("SAMJ_HOME");
            assertTrue(variable != null ? Home.folder().equals(Paths.get(variable)) : Home.folder().endsWith("samj-bridge"));
        } finally {
            if (before != null) {
                System.setProperty("samj.home", before);
            }
        }
    }

    private String gone(String text) throws IOException {
        Card card = read(text);
        return assertThrows(SegmenterException.class, () -> card.check(card.model("starter"))).code();
    }

    private Card read(String text) throws IOException {
        return Card.read(written(text));
    }

    private Path written(String text) throws IOException {
        Path home = folder.newFolder().toPath();
        String escaped = text.replace("\\", "\\\\");
        Files.write(home.resolve(Card.NAME), escaped.getBytes(StandardCharsets.UTF_8));
        return home;
    }

    private static SegmenterException refused(Path home) {
        return assertThrows(SegmenterException.class, () -> Card.read(home));
    }
}
