package org.samj.bridge.ij;

import ij.IJ;
import ij.ImagePlus;
import ij.gui.PointRoi;
import ij.gui.Roi;
import ij.plugin.frame.RoiManager;
import java.awt.EventQueue;
import java.awt.Point;
import java.awt.Rectangle;
import java.util.ArrayList;
import java.util.List;
import org.samj.bridge.Options;
import org.samj.bridge.Outline;
import org.samj.bridge.Prompt;
import org.samj.bridge.Segmenter;
import org.samj.bridge.SegmenterException;

/** Many prompts at once: those that the ROI Manager holds. */
final class Batch {

    private Batch() {
    }

    /** A prompt and the plane it is meant for. */
    static final class Job {
        final Plane plane;
        final Prompt prompt;

        Job(Plane plane, Prompt prompt) {
            this.plane = plane;
            this.prompt = prompt;
        }
    }

    /**
     * The prompts in a list of ROIs: each point of a point ROI is an object, an area counts by its bounds. ROIs of
     * another plane than the one shown, and lines, are left out.
     */
    static List<Job> ofRois(ImagePlus imp, Roi[] rois) {
        Plane plane = Plane.shown(imp);
        Rectangle all = new Rectangle(imp.getWidth(), imp.getHeight());
        List<Job> jobs = new ArrayList<>();
        for (Roi roi : rois) {
            if (!plane.has(roi)) {
                continue;
            }
            if (roi instanceof PointRoi) {
                for (Point p : roi.getContainedPoints()) {
                    if (all.contains(p)) {
                        jobs.add(new Job(plane, Prompt.ofPoint(p.x, p.y)));
                    }
                }
            } else if (roi.isArea()) {
                Rectangle b = roi.getBounds().intersection(all);
                if (!b.isEmpty()) {
                    jobs.add(new Job(plane, Prompt.ofBox(b.x, b.y, b.x + b.width, b.y + b.height)));
                }
            }
        }
        return jobs;
    }

    /**
     * Answer prompts one by one; each object is in the ROI Manager as soon as it is there. On the worker's thread.
     *
     * @return number of objects found
     */
    static int run(Bridge bridge, List<Job> jobs, Choices choices, Segmenter.Progress progress) {
        Options own = choices.options;
        Options options = new Options(1, own.minArea, own.fillHoles, own.largestOnly);
        int found = 0;
        for (int i = 0; i < jobs.size(); i++) {
            if (progress.isCancelled()) {
                throw new SegmenterException("cancelled", "Stopped after " + i + " of " + jobs.size() + " prompts; "
                    + found + " objects are in the ROI Manager.", "");
            }
            Job job = jobs.get(i);
            Outline[] answer = bridge.live.scenes.of(job.plane, choices.model, progress)
                .segment(job.prompt, options);
            if (answer.length > 0 && !answer[0].isEmpty()) {
                found++;
                Outline outline = answer[0];
                EventQueue.invokeLater(() ->
                    bridge.live.results.add(job.plane, outline, job.prompt, choices.model, 0, choices));
            }
            progress.tell("Prompt " + (i + 1) + " of " + jobs.size(), (i + 1.0) / jobs.size());
        }
        return found;
    }

    /** What the ROI Manager holds now; nothing where there is none. */
    static Roi[] managed() {
        RoiManager manager = RoiManager.getInstance2();
        return manager == null ? new Roi[0] : manager.getRoisAsArray();
    }

    /** Say how it ended. */
    static String sentence(int prompts, int found) {
        return IJ.d2s(found, 0) + " objects for " + prompts + " prompts are in the ROI Manager.";
    }
}
