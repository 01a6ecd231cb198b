package org.samj.bridge.setup;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Collections;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.Assume;
import org.junit.Before;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;
import org.samj.bridge.Segmenter.Progress;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.fetch.Facts;
import org.samj.bridge.setup.SetUp.State;

/** States and words, with files as a set-up leaves them; what is really fetched, the tests in Python try. */
public class SetUpTest {

    private static final Progress SILENT = new Progress() {
        @Override
        public void tell(String message, double fraction) {
        }

        @Override
        public boolean isCancelled() {
            return false;
        }
    };

    @Rule
    public TemporaryFolder folder = new TemporaryFolder();

    private Path home;
    private SetUp setUp;

    @Before
    public void empty() {
        home = folder.getRoot().toPath().resolve("home é");
        setUp = new SetUp(home);
    }

    @Test
    public void everyStateHasAButtonAndASentence() throws IOException {
        assertState(State.ABSENT, "Set up", "1.5 GB");
        Files.createDirectories(home.resolve("tools/uv-1"));
        assertState(State.UNFINISHED, "Go on setting up", "used again");
        host(Facts.get("version"), 1);
        assertState(State.UNFINISHED, "Go on setting up", "used again");
        Path bundle = card();
        assertState(State.READY, "", "ready");
        host("0.0.9", 1);
        assertState(State.OUTDATED, "Update to " + Facts.get("version"), "beside the old one");
        host("99.1", 1);
        assertState(State.READY, "", "ready");
        Files.delete(bundle);
        assertState(State.BROKEN, "Repair", "Repairing");
        Files.write(home.resolve("worker.json"), new byte[] {1});
        assertState(State.BROKEN, "Repair", "Repairing");
    }

    @Test
    public void aFileThatAPersonHasPutThereIsNoSetUp() throws IOException {
        Files.createDirectories(home.resolve("tools"));
        Files.write(home.resolve("tools/" + Facts.get("linux-x86_64.wheel")), new byte[3]);
        assertEquals(State.ABSENT, setUp.state());
    }

    @Test
    public void aPythonWhoseBaseIsGoneIsNoneAndItsNumberIsNotUsedAgain() throws IOException {
        Place place = new Place(home);
        assertEquals(1, place.nextNumber());
        host(Facts.get("version"), 7);
        assertNotNull(place.host());
        assertEquals(8, place.nextNumber());
        Files.delete(Place.interpreter(place.host()));
        assertEquals(null, place.host());
        assertEquals("", place.version());
    }

    @Test
    public void versionsAreComparedByNumbers() {
        assertTrue(Place.older("0.9.1", "0.10"));
        assertFalse(Place.older("0.10", "0.10.0"));
        assertFalse(Place.older("1.0", "0.99"));
        assertTrue(Place.older("", "0.1"));
    }

    @Test
    public void aTurnEndsWithItsHolderAndCanBeGivenUp() throws Exception {
        Path lock = folder.getRoot().toPath().resolve("lock");
        CountDownLatch told = new CountDownLatch(1);
        Progress impatient = new Progress() {
            @Override
            public void tell(String message, double fraction) {
                told.countDown();
            }

            @Override
            public boolean isCancelled() {
                return told.getCount() == 0;
            }
        };
        Turn first = Turn.take(lock, SILENT);
        assertFalse(first.waited());
        assertEquals("cancelled", assertThrows(SegmenterException.class, () -> Turn.take(lock, impatient)).code());
        Thread later = new Thread(() -> {
            try {
                TimeUnit.MILLISECONDS.sleep(300);
                first.close();
            } catch (IOException | InterruptedException error) {
                throw new IllegalStateException(error);
            }
        });
        later.start();
        try (Turn second = Turn.take(lock, SILENT)) {
            assertTrue(second.waited());
        }
    }

    @Test
    public void aChildIsReadToTheEndAndEndedOnRequest() throws Exception {
        String java = Paths.get(System.getProperty("java.home"), "bin", "java").toString();
        Child child = Child.run(Arrays.asList(java, "-version"), folder.getRoot().toPath(), Collections.emptyMap(),
            line -> { }, SILENT);
        assertEquals(0, child.code);
        assertTrue(child.last, child.last.contains("ersion"));
        SegmenterException error = assertThrows(SegmenterException.class, () -> Child.run(
            Collections.singletonList(new File(folder.getRoot(), "none").getPath()), folder.getRoot().toPath(),
            Collections.emptyMap(), line -> { }, SILENT));
        assertEquals("not-started", error.code());
    }

    @Test
    public void aFreshProgramThatSomebodyHoldsIsTriedAgain() throws Exception {
        Assume.assumeTrue(File.separatorChar == '/');
        Path program = folder.getRoot().toPath().resolve("program é");
        Files.write(program, "#!/bin/sh\necho here\n".getBytes(StandardCharsets.UTF_8));
        assertTrue(program.toFile().setExecutable(true));
        // As a scanner of viruses does: Linux starts no program that is open for writing ("Text file busy").
        AtomicInteger tries = new AtomicInteger();
        OutputStream held = Files.newOutputStream(program, StandardOpenOption.APPEND);
        Progress releasing = new Progress() {
            @Override
            public void tell(String message, double fraction) {
            }

            @Override
            public boolean isCancelled() {
                if (tries.incrementAndGet() == 3) {
                    try {
                        held.close();
                    } catch (IOException error) {
                        throw new IllegalStateException(error);
                    }
                }
                return false;
            }
        };
        Child child = Child.run(Collections.singletonList(program.toString()), folder.getRoot().toPath(),
            Collections.emptyMap(), line -> { }, releasing);
        assertEquals("here\n", child.output);
        assertTrue(tries.get() >= 3);
    }

    @Test
    public void whatGoesAndWhatStaysIsTold() throws Exception {
        card();
        host(Facts.get("version"), 1);
        Files.createDirectories(home.resolve("envs/samj"));
        Files.write(home.resolve("envs/samj/torch.so"), new byte[2_500_000]);
        // What is linked to is somebody else's.
        Path others = Files.write(folder.getRoot().toPath().resolve("others.bin"), new byte[9_000_000]);
        Files.createSymbolicLink(home.resolve("envs/linked"), others);
        Files.createDirectories(home.resolve("models/weights"));
        Files.write(home.resolve("models/weights/cells.safetensors"), new byte[1_200_000]);
        Files.createDirectories(home.resolve("models/incoming"));
        Files.write(home.resolve("models/incoming/mine.pt"), new byte[3]);
        Files.write(home.resolve("settings.toml"), new byte[0]);
        String words = setUp.removalWords();
        assertTrue(words, words.startsWith("4 MB go from " + home + ": Python and samj-bridge (1 MB), what the networks run in"
            + " (3 MB), installed models (2 MB). Kept there: bundle.zip, settings.toml, models/incoming. Your images"));
    }

    @Test
    public void onlyOneThingIsDoneAtATime() throws Exception {
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch end = new CountDownLatch(1);
        card();
        setUp.beforeRemoval(() -> {
            begun.countDown();
            try {
                end.await();
            } catch (InterruptedException stop) {
                throw new IllegalStateException(stop);
            }
        });
        setUp.remove();
        begun.await();
        assertEquals("busy", assertThrows(SegmenterException.class, () -> setUp.run(SetUp.Job.REPAIR, SILENT)).code());
        end.countDown();
        while (setUp.isRunning()) {
            TimeUnit.MILLISECONDS.sleep(10);
        }
        assertEquals(State.ABSENT, setUp.state());
    }

    @Test
    public void removingTellsItsListenersAndLeavesWhatIsNotOurs() throws Exception {
        card();
        host(Facts.get("version"), 1);
        Files.write(home.resolve("settings.toml"), new byte[0]);
        Files.createDirectories(home.resolve("models/incoming"));
        Files.write(home.resolve("models/incoming/mine.pt"), new byte[3]);
        AtomicInteger told = new AtomicInteger();
        AtomicInteger closed = new AtomicInteger();
        setUp.listen(told::incrementAndGet);
        setUp.listen(() -> {
            throw new IllegalStateException("whoever shows it is not who does it");
        });
        setUp.beforeRemoval(closed::incrementAndGet);
        setUp.run(SetUp.Job.REMOVE, SILENT);
        assertEquals(State.ABSENT, setUp.state());
        assertEquals(1, closed.get());
        assertTrue(told.get() > 3);
        assertEquals(null, setUp.failure());
        String[] left = home.toFile().list();
        Arrays.sort(left);
        assertEquals("[bundle.zip, models, settings.toml]", Arrays.toString(left));
        assertTrue(Files.exists(home.resolve("models/incoming/mine.pt")));
    }

    @Test
    public void whatUvSaysIsTakenApart() {
        assertEquals("no-space", Uv.error("error: x\n  Caused by: No space left on device (os error 28)", "y", false).code());
        assertEquals("no-permission", Uv.error("error: Permission denied (os error 13)", "y", false).code());
        assertEquals("not-trusted", Uv.error("invalid peer certificate: UnknownIssuer", "y", false).code());
        assertEquals("proxy-password", Uv.error("tunnel error: 407", "y", false).code());
        assertEquals("no-network", Uv.error("dns error: failed to lookup", "y", false).code());
        SegmenterException error = Uv.error("  × No solution found\n  ╰─▶ Because http://me:pw@x/simple has none", "y", false);
        assertEquals("It failed while y: No solution found Because http://x/simple has none", error.getMessage());
    }

    private void assertState(State state, String action, String words) {
        assertEquals(state, setUp.state());
        assertEquals(action, setUp.action());
        assertTrue(setUp.sentence(), setUp.sentence().contains(words));
    }

    private void host(String version, int number) throws IOException {
        Path host = home.resolve("host").resolve(version + "-" + number);
        Path python = Place.interpreter(host);
        Files.createDirectories(python.getParent());
        Files.write(python, new byte[1]);
        Files.write(host.resolve("samj-host.json"), new byte[0]);
        Files.write(home.resolve("host/current"), (version + "-" + number + "\n").getBytes(StandardCharsets.UTF_8));
    }

    private Path card() throws IOException {
        Files.createDirectories(home);
        Path bundle = Files.write(home.resolve("bundle.zip"), new byte[0]);
        String path = bundle.toString().replace("\\", "\\\\");
        Files.write(home.resolve("worker.json"), ("{\"version\": \"" + Facts.get("version") + "\", \"python\": \"" + path + "\", \"bundle\": \"" + path + "\"}")
            .getBytes(StandardCharsets.UTF_8));
        return bundle;
    }
}
