package org.samj.bridge.ij.commands;

import ij.IJ;
import ij.ImagePlus;
import ij.Macro;
import ij.plugin.PlugIn;
import org.samj.bridge.Options;
import org.samj.bridge.Outline;
import org.samj.bridge.Prompt;
import org.samj.bridge.Segmenter;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.ij.Bridge;
import org.samj.bridge.ij.batch.Batch;
import org.samj.bridge.ij.batch.Labels;
import org.samj.bridge.ij.images.Frame;
import org.samj.bridge.ij.images.Plane;
import org.samj.bridge.ij.macros.Arguments;
import org.samj.bridge.ij.results.Choices;
import org.samj.bridge.ij.results.Keeping;
import org.samj.bridge.ij.work.Desk;

/**
 * {@code run("SAMJ Segment", "model=starter box=10,20,90,80")}: one object from a box, points, or the image's
 * selection. The outline becomes the selection and an entry of the ROI Manager, or of the overlay without windows.
 * With {@code labels=[TITLE]} every label of an open label image or mask is a prompt; a file's path does as well.
 */
public final class SegmentCommand implements PlugIn {

    @Override
    public void run(String arg) {
        Command.run((imp, options) -> {
            if (Macro.getValue(options, "labels", "").isEmpty()) {
                segment(imp, options);
            } else {
                IJ.showStatus(labels(imp, options));
            }
        });
    }

    /** One object of an image; its outline is the image's selection afterwards. */
    private static void segment(ImagePlus imp, String text) {
        Desk desk = Bridge.required();
        Choices choices = Arguments.choices(text);
        Prompt prompt = Arguments.prompt(imp, text);
        Plane plane = Plane.shown(imp);
        int wanted = Arguments.number(text, "candidate", 1);
        int asked = Math.max(wanted, 1);
        if (wanted < 1 || wanted > 3) {
            throw new SegmenterException("bad-option", "candidate=" + wanted + " is none of 1, 2 and 3.", "");
        }
        Options limited = choices.options.withCandidates(asked > 1 ? Options.MOST_CANDIDATES : 1);
        Outline[] found = desk.work.call(() -> {
            Segmenter.Progress progress = Frame.on(imp, desk.talk.progress());
            return desk.scenes.of(plane, choices.model, progress).segment(prompt, limited, progress);
        });
        if (found.length < asked || found[asked - 1].isEmpty()) {
            throw new SegmenterException("nothing-found", "Nothing was found for " + prompt.toJson() + ".",
                "Try a box, or a point elsewhere.");
        }
        Keeping.keep(desk.results, plane, found[asked - 1], prompt, asked - 1, choices,
            Arguments.intoOverlay(text));
    }

    /** Every label of a label image or mask, refined. Says how it ended. */
    private static String labels(ImagePlus imp, String options) {
        Desk desk = Bridge.required();
        Choices choices = Arguments.choices(options);
        Labels.Found labels = Labels.named(Plane.shown(imp), Macro.getValue(options, "labels", ""));
        int found = Batch.run(desk, labels.jobs, choices, desk.talk.progress(), Arguments.intoOverlay(options));
        if (!labels.said.isEmpty()) {
            IJ.log("SAMJ: " + labels.said);
        }
        return (Batch.sentence(labels.jobs.size(), found) + " " + labels.said).trim();
    }
}
