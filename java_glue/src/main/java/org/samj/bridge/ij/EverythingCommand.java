package org.samj.bridge.ij;

import ij.IJ;
import ij.ImagePlus;
import ij.Macro;
import ij.gui.Roi;
import ij.plugin.PlugIn;
import org.samj.bridge.Outline;
import org.samj.bridge.Prompt;
import org.samj.bridge.Segmenter;
import org.samj.bridge.SegmenterException;

/** {@code run("SAMJ Everything", "model=starter")}: every object of the image, or of its selection. */
public final class EverythingCommand implements PlugIn {

    @Override
    public void run(String arg) {
        try {
            int count = everything(IJ.getImage(), Macro.getOptions());
            IJ.showStatus(count == 0 ? "No objects were found." : count + " objects were found.");
        } catch (SegmenterException error) {
            Log.add(error);
            IJ.error("SAMJ", error.sentence());
        }
    }

    private static int everything(ImagePlus imp, String options) {
        return everything(imp, SegmentCommand.choices(options == null ? "" : options));
    }

    /** Find every object; returns their number. */
    static int everything(ImagePlus imp, Choices choices) {
        Bridge bridge = Bridge.required();
        Plane plane = Plane.shown(imp);
        Roi within = imp.getRoi() != null && imp.getRoi().isArea() ? imp.getRoi() : null;
        int[] count = new int[1];
        Filling filling = new Filling(bridge, choices);
        Prompt none = new Prompt(null, null, null, null);
        try {
            bridge.call(() -> {
                Segmenter.Progress progress = bridge.live.progress();
                bridge.live.scenes.of(plane, choices.model, progress).everything(choices.options, outline -> {
                    if (within == null || isWithin(within, outline)) {
                        // Each is in the ROI Manager as soon as it is found: a cancel keeps those that were.
                        filling.add(plane, outline, none, 0);
                        count[0]++;
                    }
                }, progress);
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
        return count[0];
    }

    /** Whether the middle of an object lies in a selection. */
    private static boolean isWithin(Roi within, Outline outline) {
        double[] middle = Rois.of(outline).getContourCentroid();
        return within.containsPoint(middle[0], middle[1]);
    }
}
