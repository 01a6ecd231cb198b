package org.samj.bridge.ij.results;

import ij.ImagePlus;
import ij.gui.Roi;
import ij.plugin.frame.RoiManager;
import java.awt.EventQueue;
import java.lang.reflect.InvocationTargetException;
import org.samj.bridge.Outline;
import org.samj.bridge.Prompt;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.ij.images.Plane;

/**
 * Many objects into the ROI Manager (the overlay without windows), each as soon as it is found. Who finds them never
 * waits for the screen.
 */
public final class Filling {

    private static final long SHOWN_EVERY_MS = 250;

    private final Results results;
    private final Choices choices;
    private final boolean intoOverlay;
    private long shownAt;
    /** The first thing that went wrong on the event thread, which has nobody to tell it to. */
    private volatile Throwable failed;

    /** Nothing yet; the choices are those that each object gets. */
    public Filling(Results results, Choices choices) {
        this(results, choices, false);
    }

    /** The same; into the image's overlay also where there is a ROI Manager, if somebody wants it so. */
    public Filling(Results results, Choices choices, boolean intoOverlay) {
        this.results = results;
        this.choices = choices;
        this.intoOverlay = intoOverlay || Keeping.isWindowless();
    }

    /** Add an object. From any thread but the event thread. */
    public void add(Plane plane, Outline outline, Prompt prompt, long label) {
        if (intoOverlay) {
            note(Keeping.inOverlay(plane, outline, prompt, 0, choices), label);
            return;
        }
        EventQueue.invokeLater(() -> guarded(() -> {
            note(results.enter(plane, outline, prompt, choices.model, 0, choices), label);
            long now = System.currentTimeMillis();
            // To paint all of them anew for each one more would take longer than to find it: the more, the seldomer.
            if (now - shownAt >= SHOWN_EVERY_MS + count()) {
                shownAt = now;
                results.show(plane.imp);
            }
        }));
    }

    /** Show the last ones; when it returns, everything is there. */
    public void finish(ImagePlus imp) {
        if (intoOverlay) {
            return;
        }
        try {
            EventQueue.invokeAndWait(() -> guarded(() -> results.show(imp)));
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        } catch (InvocationTargetException error) {
            throw SegmenterException.of(error.getCause());
        }
    }

    /**
     * Tell what went wrong with an object, once all the others are there. After {@link #finish}.
     *
     * @throws SegmenterException something did
     */
    public void check() {
        if (failed != null) {
            throw SegmenterException.of(failed);
        }
    }

    private void guarded(Runnable job) {
        try {
            job.run();
        } catch (RuntimeException | Error error) {
            // One object, or a listener of another plugin's: the other objects are still to come.
            failed = failed == null ? error : failed;
        }
    }

    private static int count() {
        RoiManager manager = RoiManager.getInstance2();
        return manager == null ? 0 : manager.getCount();
    }

    private static void note(Roi roi, long label) {
        if (label > 0) {
            roi.setProperty("label", Long.toString(label));
        }
    }
}
