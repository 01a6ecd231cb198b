package org.samj.bridge.ij.commands;

import ij.ImagePlus;
import ij.Macro;
import ij.gui.Roi;
import ij.plugin.PlugIn;
import java.io.File;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.ij.export.Export;
import org.samj.bridge.ij.macros.Arguments;
import org.samj.bridge.ij.results.Results;

/**
 * {@code run("SAMJ Export", "format=labels")}: what the ROI Manager holds (the overlay without windows) as a label
 * image; with {@code path=FILE}, and for roi, geojson and coco, to a file. {@code overlay}: what the overlay holds.
 */
public final class ExportCommand implements PlugIn {

    @Override
    public void run(String arg) {
        Command.run(ExportCommand::export);
    }

    private static void export(ImagePlus imp, String options) {
        String format = Macro.getValue(options, "format", "labels");
        String path = Macro.getValue(options, "path", "");
        if (path.isEmpty() && !"labels".equals(format)) {
            throw new SegmenterException("bad-option", "path= is missing: where is the file to be written?",
                "Write path=[FILE].");
        }
        Roi[] rois = Arguments.intoOverlay(options) ? new Roi[0] : Results.managed();
        if (rois.length == 0 && imp.getOverlay() != null) {
            rois = imp.getOverlay().toArray();
        }
        ImagePlus labels = Export.as(format, path.isEmpty() ? null : new File(path), imp, rois);
        if (labels != null && path.isEmpty()) {
            labels.show();
        }
    }
}
