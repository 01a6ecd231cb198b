package org.samj.bridge.ij.commands;

import ij.IJ;
import ij.ImagePlus;
import ij.gui.Roi;
import ij.plugin.PlugIn;
import org.samj.bridge.Outline;
import org.samj.bridge.Prompt;
import org.samj.bridge.Segmenter;
import org.samj.bridge.ij.Bridge;
import org.samj.bridge.ij.images.Plane;
import org.samj.bridge.ij.macros.Recording;
import org.samj.bridge.ij.results.Choices;
import org.samj.bridge.ij.results.Filling;
import org.samj.bridge.ij.rois.Kinds;
import org.samj.bridge.ij.rois.Rois;

/** {@code run("SAMJ Everything", "model=starter")}: every object of the image, or of its selection. */
public final class EverythingCommand implements PlugIn {

    @Override
    public void run(String arg) {
        Command.run((imp, options) -> {
            int count = find(imp, SegmentCommand.choices(options));
            IJ.showStatus(count == 0 ? "No objects were found." : count + " objects were found.");
        });
    }

    /** Find every object, as the panel's button asks for; returns their number. */
    public static int everything(ImagePlus imp, Choices choices) {
        Recording.command("SAMJ Everything", Recording.options(choices));
        return find(imp, choices);
    }

    private static int find(ImagePlus imp, Choices choices) {
        Bridge bridge = Bridge.required();
        Plane plane = Plane.shown(imp);
        // A proposal is no selection of the user's.
        Roi within = Kinds.isArea(imp.getRoi()) && !Kinds.isOurs(imp.getRoi()) ? imp.getRoi() : null;
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
        // Not containsPoint: ImageJ 1.54p says no for every rectangle that a macro made.
        return within.contains((int) Math.floor(middle[0]), (int) Math.floor(middle[1]));
    }
}
