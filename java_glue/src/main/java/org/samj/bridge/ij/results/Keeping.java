package org.samj.bridge.ij.results;

import ij.IJ;
import ij.ImagePlus;
import ij.gui.Overlay;
import ij.gui.Roi;
import ij.process.FloatPolygon;
import java.awt.EventQueue;
import java.awt.GraphicsEnvironment;
import java.lang.ref.WeakReference;
import java.lang.reflect.InvocationTargetException;
import java.util.Arrays;
import java.util.Collections;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.function.Supplier;
import org.samj.bridge.Outline;
import org.samj.bridge.Prompt;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.ij.images.Plane;
import org.samj.bridge.ij.rois.Rois;

/** An object that a command found: into the ROI Manager; without windows, where there is none, into the overlay. */
public final class Keeping {

    private static final Map<ImagePlus, Left> LEFT = Collections.synchronizedMap(new WeakHashMap<>());

    private Keeping() {
    }

    /** Keep an object and select it. Returns its ROI. From any thread but the event thread. */
    public static Roi keep(Results results, Plane plane, Outline outline, Prompt prompt, int candidate,
            Choices choices, boolean intoOverlay) {
        if (intoOverlay || isWindowless()) {
            return inOverlay(plane, outline, prompt, candidate, choices);
        }
        return onEventThread(() -> {
            Roi made = results.add(plane, outline, prompt, choices.model, candidate, choices);
            select(plane.imp, made);
            return made;
        });
    }

    /** Do something on the event thread, and wait for it; where there are no windows, here. From any thread. */
    public static void onEventThread(Runnable job) {
        if (isWindowless() || EventQueue.isDispatchThread()) {
            job.run();
            return;
        }
        onEventThread(() -> {
            job.run();
            return null;
        });
    }

    /** ImageJ draws a selection on the event thread: one that is set from another may be half there by then. */
    private static Roi onEventThread(Supplier<Roi> making) {
        Roi[] made = new Roi[1];
        try {
            EventQueue.invokeAndWait(() -> made[0] = making.get());
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        } catch (InvocationTargetException error) {
            throw SegmenterException.of(error.getCause());
        }
        return made[0];
    }

    /** The overlay is what can be saved and measured where there are no windows. From any thread. */
    static Roi inOverlay(Plane plane, Outline outline, Prompt prompt, int candidate, Choices choices) {
        Supplier<Roi> adding = () -> addToOverlay(plane, outline, prompt, candidate, choices);
        return isWindowless() || EventQueue.isDispatchThread() ? adding.get() : onEventThread(adding);
    }

    private static Roi addToOverlay(Plane plane, Outline outline, Prompt prompt, int candidate, Choices choices) {
        Roi roi = Rois.of(outline, choices.simplify);
        Rois.describe(roi, outline, prompt, choices.model, candidate);
        plane.place(roi);
        Overlay overlay = plane.imp.getOverlay() == null ? new Overlay() : plane.imp.getOverlay();
        roi.setName(Results.name(choices.pattern, overlay.size() + 1, plane.imp, choices.model));
        Colours.paint(roi, overlay.size(), choices);
        overlay.add(roi);
        plane.imp.setOverlay(overlay);
        select(plane.imp, roi);
        return roi;
    }

    /** Select an outline, for whoever measures it next; it is no selection of the user's by that. */
    private static void select(ImagePlus imp, Roi roi) {
        imp.setRoi((Roi) roi.clone());
        LEFT.put(imp, new Left(imp.getRoi()));
    }

    /** Whether the selection of an image is one that a command left there, and nobody has changed since. */
    public static boolean isLeft(ImagePlus imp) {
        Left left = LEFT.get(imp);
        return left != null && left.isStill(imp.getRoi());
    }

    /** What was selected. ROIs share their properties with their copies in the ROI Manager: no mark can tell them. */
    private static final class Left {

        private final WeakReference<Roi> roi;
        private final int form;

        Left(Roi roi) {
            this.roi = new WeakReference<>(roi);
            this.form = form(roi);
        }

        boolean isStill(Roi now) {
            return now != null && now == roi.get() && form == form(now);
        }

        private static int form(Roi roi) {
            FloatPolygon corners = roi.getFloatPolygon();
            return 31 * Arrays.hashCode(corners.xpoints) + Arrays.hashCode(corners.ypoints);
        }
    }

    /** Whether there are no windows, and so no ROI Manager. */
    public static boolean isWindowless() {
        return GraphicsEnvironment.isHeadless() || IJ.getInstance() == null;
    }
}
