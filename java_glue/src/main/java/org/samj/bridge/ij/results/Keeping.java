package org.samj.bridge.ij.results;

import ij.IJ;
import ij.gui.Overlay;
import ij.gui.Roi;
import java.awt.EventQueue;
import java.awt.GraphicsEnvironment;
import java.lang.reflect.InvocationTargetException;
import org.samj.bridge.Outline;
import org.samj.bridge.Prompt;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.ij.images.Plane;
import org.samj.bridge.ij.rois.Rois;

/** An object that a command found: into the ROI Manager; without windows, where there is none, into the overlay. */
public final class Keeping {

    private Keeping() {
    }

    /** Keep an object and select it. Returns its ROI. From any thread but the event thread. */
    public static Roi keep(Results results, Plane plane, Outline outline, Prompt prompt, int candidate,
            Choices choices) {
        if (isWindowless()) {
            return inOverlay(plane, outline, prompt, candidate, choices);
        }
        Roi[] made = new Roi[1];
        try {
            EventQueue.invokeAndWait(() -> {
                made[0] = results.add(plane, outline, prompt, choices.model, candidate, choices);
                plane.imp.setRoi((Roi) made[0].clone());
            });
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        } catch (InvocationTargetException error) {
            throw SegmenterException.of(error.getCause());
        }
        return made[0];
    }

    /** The overlay is what can be saved and measured where there are no windows. */
    static Roi inOverlay(Plane plane, Outline outline, Prompt prompt, int candidate, Choices choices) {
        Roi roi = Rois.of(outline, choices.simplify);
        Rois.describe(roi, outline, prompt, choices.model, candidate);
        plane.place(roi);
        Overlay overlay = plane.imp.getOverlay() == null ? new Overlay() : plane.imp.getOverlay();
        roi.setName(Results.name(choices.pattern, overlay.size() + 1, plane.imp, choices.model));
        Colours.paint(roi, overlay.size(), choices);
        overlay.add(roi);
        plane.imp.setOverlay(overlay);
        plane.imp.setRoi((Roi) roi.clone());
        return roi;
    }

    static boolean isWindowless() {
        return GraphicsEnvironment.isHeadless() || IJ.getInstance() == null;
    }
}
