package org.samj.bridge.appose;

import static org.junit.Assert.assertEquals;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.Before;
import org.samj.bridge.Options;
import org.samj.bridge.Outline;
import org.samj.bridge.Pixels;
import org.samj.bridge.Prompt;
import org.samj.bridge.Segmenter;
import org.samj.bridge.SegmenterException;

/** A test that asks the worker, and what it asks it. */
abstract class WithWorker {

    ApposeSegmenter segmenter;

    @Before
    public void worker() {
        segmenter = RealWorker.shared();
    }

    Segmenter.Scene scene(Pixels pixels) {
        return segmenter.encode("starter", pixels, null);
    }

    Map<String, Object> call(String operation, Map<String, Object> inputs) {
        return segmenter.attempt("starter", ApposeSegmenter.SILENT,
            worker -> worker.call(operation, inputs, ApposeSegmenter.SILENT, event -> { }));
    }

    Map<String, Object> stats() {
        return call("stats", Collections.emptyMap());
    }

    static Prompt around(int[] disc) {
        int margin = disc[2] + 3;
        return Prompt.ofBox(disc[0] - margin, disc[1] - margin, disc[0] + margin, disc[1] + margin);
    }

    static int[][][] rings(Outline[] outlines) {
        return Arrays.stream(outlines).map(outline -> outline.rings).toArray(int[][][]::new);
    }

    static double number(Object value) {
        return ((Number) value).doubleValue();
    }

    static void kill(Object pid) {
        try {
            assertEquals(0, new ProcessBuilder("kill", "-9", pid.toString()).start().waitFor());
        } catch (java.io.IOException | InterruptedException error) {
            throw new AssertionError(error);
        }
    }

    static Segmenter.Progress progress(List<String> told, AtomicBoolean stop) {
        return new Segmenter.Progress() {
            @Override
            public void tell(String message, double fraction) {
                told.add(message);
            }

            @Override
            public boolean isCancelled() {
                return stop.get();
            }
        };
    }

    /** A thread that looks for everything and has found something already; {@code ended} gets what ends it. */
    static Thread callInProgress(Segmenter.Scene scene, AtomicReference<Throwable> ended)
            throws InterruptedException {
        CountDownLatch begun = new CountDownLatch(1);
        Thread caller = new Thread(() -> {
            try {
                scene.everything(Options.plain(), outline -> begun.countDown(), null);
            } catch (SegmenterException error) {
                ended.set(error);
            }
        });
        caller.start();
        begun.await();
        return caller;
    }
}
