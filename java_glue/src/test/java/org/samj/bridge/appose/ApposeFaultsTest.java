package org.samj.bridge.appose;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.io.File;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.Test;
import org.samj.bridge.Options;
import org.samj.bridge.Outline;
import org.samj.bridge.Pixels;
import org.samj.bridge.Prompt;
import org.samj.bridge.Segmenter;
import org.samj.bridge.SegmenterException;

/** Work that is stopped, workers that die, threads and devices that are not as they should be. */
public class ApposeFaultsTest extends WithWorker {

    @Test
    public void aSearchIsCancelledAndTheNextQuestionIsAnswered() {
        Segmenter.Scene scene = scene(Pictures.crowd(512));
        AtomicBoolean stop = new AtomicBoolean();
        List<Outline> objects = new ArrayList<>();
        SegmenterException error = assertThrows(SegmenterException.class, () -> scene.everything(Options.plain(),
            outline -> {
                objects.add(outline);
                stop.set(true);
            }, progress(new ArrayList<>(), stop)));
        assertEquals("cancelled", error.code());
        assertTrue(objects.size() < 100);
        assertFalse(scene.segment(Prompt.ofPoint(16, 16), Options.plain())[0].isEmpty());
        scene.close();
    }

    @Test
    public void whatIsCancelledBeforeItBeginsIsNotBegun() {
        double before = number(stats().get("encoded"));
        SegmenterException error = assertThrows(SegmenterException.class, () -> segmenter.encode("starter",
            Pictures.crowd(64), progress(new ArrayList<>(), new AtomicBoolean(true))));
        assertEquals("cancelled", error.code());
        assertEquals(before, number(stats().get("encoded")), 0);
    }

    @Test
    public void anInterruptedCallIsCancelledToo() throws InterruptedException {
        Segmenter.Scene scene = scene(Pictures.crowd(512));
        AtomicReference<Throwable> ended = new AtomicReference<>();
        Thread caller = callInProgress(scene, ended);
        caller.interrupt();
        caller.join();
        assertEquals("cancelled", ((SegmenterException) ended.get()).code());
        scene.close();
    }

    @Test
    public void aWorkerThatIsKilledInTheMiddleIsReplacedAndNothingIsLostOrGivenTwice() {
        Segmenter.Scene scene = scene(Pictures.crowd(160));
        List<Outline> whole = new ArrayList<>();
        scene.everything(Options.plain(), whole::add, null);
        assertTrue(whole.size() > 10);
        Object first = stats().get("pid");
        List<Outline> repaired = new ArrayList<>();
        List<String> told = new ArrayList<>();
        scene.everything(Options.plain(), outline -> {
            repaired.add(outline);
            if (repaired.size() == 3) {
                kill(first);
            }
        }, progress(told, new AtomicBoolean()));
        assertFalse(first.equals(stats().get("pid")));
        assertArrayEquals(rings(whole.toArray(new Outline[0])), rings(repaired.toArray(new Outline[0])));
        assertTrue(told.toString(), told.stream().anyMatch(
            line -> line.startsWith("The worker was killed by signal 9 during everything.")));
        scene.close();
    }

    @Test
    public void aWorkerThatDiedBetweenTwoQuestionsIsReplacedUnnoticedWhateverBecameOfTheCallersPixels() {
        Pixels pixels = Pictures.bytes();
        Segmenter.Scene scene = scene(pixels);
        int[][][] before = rings(scene.segment(around(Pictures.DISCS[0]), Options.plain()));
        Arrays.fill((byte[]) pixels.array, (byte) 0);
        kill(stats().get("pid"));
        assertArrayEquals(before, rings(scene.segment(around(Pictures.DISCS[0]), Options.plain())));
        scene.close();
    }

    @Test
    public void anEncodingThatTheWorkerHasForgottenIsMadeAgain() {
        Segmenter.Scene scene = scene(Pictures.bytes());
        int[][][] before = rings(scene.segment(around(Pictures.DISCS[0]), Options.plain()));
        String name = ((ApposeScene) scene).encoding();
        assertEquals(1, number(call("release", Collections.singletonMap("encodings", Collections.singletonList(name)))
            .get("released")), 0);
        assertArrayEquals(before, rings(scene.segment(around(Pictures.DISCS[0]), Options.plain())));
        scene.close();
    }

    @Test
    public void twentyImagesLeaveNoFileBehind() {
        for (int i = 0; i < 20; i++) {
            scene(Pictures.crowd(32 + i)).close();
        }
        String[] left = new File("/dev/shm").list((folder, name) -> name.startsWith(SentFile.PREFIX));
        assertEquals("[]", left == null ? "[]" : Arrays.toString(left));
    }

    @Test
    public void threadsWithoutAClassLoaderOfTheirOwnWork() throws InterruptedException {
        AtomicReference<Object> result = new AtomicReference<>();
        Thread bare = new Thread(() -> {
            try {
                Segmenter.Scene scene = scene(Pictures.bytes());
                result.set(scene.segment(around(Pictures.DISCS[0]), Options.plain()));
                scene.close();
            } catch (RuntimeException | Error error) {
                result.set(error);
            }
        });
        bare.setContextClassLoader(null);
        bare.start();
        bare.join();
        assertTrue(String.valueOf(result.get()), result.get() instanceof Outline[]);
    }

    @Test
    public void closingEndsACallInProgressAndTheNextOneStartsAnotherWorker() throws InterruptedException {
        Segmenter.Scene scene = scene(Pictures.crowd(512));
        AtomicReference<Throwable> ended = new AtomicReference<>();
        Thread caller = callInProgress(scene, ended);
        segmenter.close();
        caller.join();
        assertTrue(String.valueOf(ended.get()),
            Arrays.asList("segmenter-closed", "cancelled").contains(((SegmenterException) ended.get()).code()));
        assertEquals("", segmenter.device());
        assertFalse(scene.segment(Prompt.ofPoint(16, 16), Options.plain())[0].isEmpty());
        assertTrue(segmenter.device(), segmenter.device().matches("cpu, \\d+ threads|cuda.*|mps.*"));
        scene.close();
    }

    @Test
    public void aDeviceThatIsNotThereIsToldInTheWorkersWordsAndAutoWorksAgain() {
        segmenter.prepare("starter", null);
        assertTrue(segmenter.devices().length == 0 || segmenter.devices()[0].equals("auto"));
        segmenter.useDevice("cuda:77");
        try {
            SegmenterException error = assertThrows(SegmenterException.class, () -> segmenter.prepare("starter", null));
            assertEquals("device-unavailable", error.code());
        } finally {
            segmenter.useDevice("auto");
        }
        segmenter.prepare("starter", null);
        assertFalse(segmenter.device().isEmpty());
    }

    /** A progress whose every call throws. */
    private static Segmenter.Progress throwing(RuntimeException error) {
        return new Segmenter.Progress() {
            @Override
            public void tell(String message, double fraction) {
                throw error;
            }

            @Override
            public boolean isCancelled() {
                throw error;
            }
        };
    }

    @Test
    public void aProgressThatThrowsChangesNothing() {
        Segmenter.Progress bad = throwing(new IllegalStateException("the window is gone"));
        List<Outline> expected = new ArrayList<>();
        Segmenter.Scene scene = scene(Pictures.crowd(96));
        scene.everything(Options.plain(), expected::add, null);
        scene.close();
        segmenter.close();
        // With another worker: its start, the model, the image and the search are all told of.
        segmenter.prepare("starter", bad);
        Segmenter.Scene again = segmenter.encode("starter", Pictures.crowd(96), bad);
        List<Outline> found = new ArrayList<>();
        again.everything(Options.plain(), found::add, bad);
        assertArrayEquals(rings(expected.toArray(new Outline[0])), rings(found.toArray(new Outline[0])));
        again.close();
    }

    @Test
    public void aProgressMayStopTheWorkByThrowingThatItIsCancelled() {
        Segmenter.Scene scene = scene(Pictures.crowd(128));
        SegmenterException error = assertThrows(SegmenterException.class, () -> scene.everything(Options.plain(),
            outline -> { }, throwing(new SegmenterException("cancelled", "Enough.", ""))));
        assertEquals("Enough.", error.getMessage());
        assertFalse(scene.segment(Prompt.ofPoint(16, 16), Options.plain())[0].isEmpty());
        scene.close();
    }

    @Test
    public void aReceiverThatThrowsEndsItsOwnSearchAndNothingElse() {
        Segmenter.Scene scene = scene(Pictures.crowd(128));
        Object pid = stats().get("pid");
        IllegalStateException error = assertThrows(IllegalStateException.class, () -> scene.everything(Options.plain(),
            outline -> {
                throw new IllegalStateException("the list is full");
            }, null));
        assertEquals("the list is full", error.getMessage());
        assertFalse(scene.segment(Prompt.ofPoint(16, 16), Options.plain())[0].isEmpty());
        assertEquals(pid, stats().get("pid"));
        scene.close();
    }
}
