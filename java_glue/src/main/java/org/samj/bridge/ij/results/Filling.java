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
    private long shownAt;

    /** Nothing yet; the choices are those that each object gets. */
    public Filling(Results results, Choices choices) {
        this.results = results;
        this.choices = choices;
    }

    /** Add an object. From any thread but the event thread. */
    public void add(Plane plane, Outline outline, Prompt prompt, int label) {
        if (Keeping.isWindowless()) {
            note(Keeping.inOverlay(plane, outline, prompt, 0, choices), label);
            return;
        }
        EventQueue.invokeLater(() -> {
            note(results.enter(plane, outline, prompt, choices.model, 0, choices), label);
            long now = System.currentTimeMillis();
            // To paint all of them anew for each one more would take longer than to find it: the more, the seldomer.
            if (now - shownAt >= SHOWN_EVERY_MS + count()) {
                shownAt = now;
                results.show(plane.imp);
            }
        });
    }

    /** Show the last ones; when it returns, everything is there. */
    public void finish(ImagePlus imp) {
        if (Keeping.isWindowless()) {
            return;
        }
        try {
            EventQueue.invokeAndWait(() -> results.show(imp));
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        } catch (InvocationTargetException error) {
            throw SegmenterException.of(error.getCause());
        }
    }

    private static int count() {
        RoiManager manager = RoiManager.getInstance2();
        return manager == null ? 0 : manager.getCount();
    }

    private static void note(Roi roi, int label) {
        if (label > 0) {
            roi.setProperty("label", Integer.toString(label));
        }
    }
}
