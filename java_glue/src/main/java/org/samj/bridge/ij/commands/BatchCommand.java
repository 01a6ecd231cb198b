package org.samj.bridge.ij.commands;

import ij.IJ;
import ij.ImagePlus;
import ij.gui.Roi;
import ij.plugin.PlugIn;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.ij.Bridge;
import org.samj.bridge.ij.batch.Batch;
import org.samj.bridge.ij.batch.RoiPrompts;
import org.samj.bridge.ij.macros.Arguments;
import org.samj.bridge.ij.results.Choices;
import org.samj.bridge.ij.results.Results;
import org.samj.bridge.ij.work.Desk;

/**
 * {@code run("SAMJ Batch", "model=starter")}: every area and point of the ROI Manager that belongs to the plane shown
 * is a prompt; without windows, of the overlay.
 */
public final class BatchCommand implements PlugIn {

    @Override
    public void run(String arg) {
        Command.run((imp, options) -> {
            String end = batch(imp, options);
            IJ.showStatus(end);
        });
    }

    private static String batch(ImagePlus imp, String options) {
        Desk desk = Bridge.required();
        Choices choices = Arguments.choices(options);
        Roi[] rois = Results.managed();
        if (rois.length == 0 && imp.getOverlay() != null) {
            rois = imp.getOverlay().toArray();
        }
        RoiPrompts prompts = new RoiPrompts(imp, rois);
        if (prompts.jobs.isEmpty()) {
            throw new SegmenterException("no-prompt", "There is no rectangle or point for this plane, in the ROI Manager"
                + " or in the overlay." + prompts.leftOut(), "Add some, with t or by a macro.");
        }
        int found = Batch.run(desk, prompts.jobs, choices, desk.talk.progress(), Arguments.intoOverlay(options));
        return Batch.sentence(prompts.jobs.size(), found) + prompts.leftOut();
    }
}
