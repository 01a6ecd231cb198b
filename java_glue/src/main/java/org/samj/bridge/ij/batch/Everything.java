package org.samj.bridge.ij.batch;

import ij.ImagePlus;
import ij.gui.Roi;
import java.awt.Rectangle;
import org.samj.bridge.Outline;
import org.samj.bridge.Prompt;
import org.samj.bridge.Segmenter;
import org.samj.bridge.ij.images.Frame;
import org.samj.bridge.ij.images.Plane;
import org.samj.bridge.ij.results.Choices;
import org.samj.bridge.ij.results.Filling;
import org.samj.bridge.ij.results.Keeping;
import org.samj.bridge.ij.rois.Kinds;
import org.samj.bridge.ij.rois.Rois;
import org.samj.bridge.ij.work.Desk;

/** Every object of an image, or of its selection. */
public final class Everything {

    private Everything() {
    }

    /** Find them, and keep each as soon as it is found; returns their number. Not on the event thread. */
    public static int find(Desk desk, ImagePlus imp, Choices choices) {
        return find(desk, imp, choices, 0, false);
    }

    /**
     * The same, for macros.
     *
     * @param largest most pixels that an object may have; 0: any number
     * @param intoOverlay into the image's overlay, also where there is a ROI Manager
     */
    public static int find(Desk desk, ImagePlus imp, Choices choices, int largest, boolean intoOverlay) {
        Plane plane = Plane.shown(imp);
        // A proposal is no selection of the user's, nor is the outline that a command left.
        boolean ours = Kinds.isOurs(imp.getRoi()) || Keeping.isLeft(imp);
        Roi within = Kinds.isArea(imp.getRoi()) && !ours ? imp.getRoi() : null;
        int[] count = new int[1];
        Filling filling = new Filling(desk.results, choices, intoOverlay);
        Prompt none = new Prompt(null, null, null, null);
        try {
            desk.work.call(() -> {
                Segmenter.Progress progress = Frame.on(imp, desk.talk.progress());
                Segmenter.Scene scene = desk.scenes.of(plane, choices.model, progress);
                Segmenter.Found keep = outline -> {
                    if ((within == null || isWithin(within, outline)) && (largest <= 0 || outline.area() <= largest)) {
                        // Each is in the ROI Manager as soon as it is found: a cancel keeps those that were.
                        filling.add(plane, outline, none, 0);
                        count[0]++;
                    }
                };
                if (within == null) {
                    scene.everything(choices.options, keep, progress);
                } else {
                    scene.everythingIn(box(within.getBounds(), imp), choices.options, keep, progress);
                }
                return null;
            });
        } finally {
            filling.finish(imp);
        }
        if (within != null) {
            imp.setRoi(within);
        } else {
            imp.deleteRoi();
        }
        filling.check();
        return count[0];
    }

    private static double[] box(Rectangle selection, ImagePlus imp) {
        Rectangle b = selection.intersection(new Rectangle(imp.getWidth(), imp.getHeight()));
        return new double[] {b.x, b.y, b.x + b.width, b.y + b.height};
    }

    /** Whether the middle of an object lies in a selection. */
    private static boolean isWithin(Roi within, Outline outline) {
        double[] middle = Rois.of(outline).getContourCentroid();
        // Not containsPoint: ImageJ 1.54p says no for every rectangle that a macro made.
        return within.contains((int) Math.floor(middle[0]), (int) Math.floor(middle[1]));
    }
}
