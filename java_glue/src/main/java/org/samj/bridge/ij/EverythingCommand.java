package org.samj.bridge.ij;

import ij.IJ;
import ij.ImagePlus;
import ij.Macro;
import ij.plugin.PlugIn;
import java.util.ArrayList;
import java.util.List;
import org.samj.bridge.Outline;
import org.samj.bridge.Prompt;
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

    /** Find every object; returns their number. */
    static int everything(ImagePlus imp, String options) {
        String text = options == null ? "" : options;
        Bridge bridge = Bridge.required();
        Choices choices = SegmentCommand.choices(text);
        Plane plane = Plane.shown(imp);
        List<Outline> found = new ArrayList<>();
        bridge.call(() -> {
            bridge.live.scenes.of(plane, choices.model, bridge.live.progress())
                .everything(choices.options, found::add, bridge.live.progress());
            return null;
        });
        java.awt.Rectangle within = imp.getRoi() != null && imp.getRoi().isArea() ? imp.getRoi().getBounds() : null;
        int count = 0;
        for (Outline outline : found) {
            if (within == null || within.intersects(Rois.of(outline).getBounds())) {
                SegmentCommand.keep(bridge, plane, outline, new Prompt(null, null, null, null), 0, choices);
                count++;
            }
        }
        return count;
    }
}
