package org.samj.bridge.ij.batch;

import ij.IJ;
import java.util.List;
import org.samj.bridge.Options;
import org.samj.bridge.Outline;
import org.samj.bridge.Prompt;
import org.samj.bridge.Segmenter;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.ij.images.Frame;
import org.samj.bridge.ij.images.Plane;
import org.samj.bridge.ij.results.Choices;
import org.samj.bridge.ij.results.Filling;
import org.samj.bridge.ij.work.Desk;

/** Many prompts at once: those that the ROI Manager holds, or the labels of an image. */
public final class Batch {

    /**
     * Prompts in the first call, and the most in one; between two calls prompts that the user draws get their turn, so
     * that there are only as many in one as are answered at once.
     */
    private static final int FEW = 16;
    private static final int MOST = 128;
    private static final long SOON_MS = 250;

    private final Desk desk;
    private final Choices choices;
    private final Filling filling;
    private boolean begun;
    private volatile int found;
    private volatile int answered;

    private Batch(Desk desk, Choices choices, boolean intoOverlay) {
        this.desk = desk;
        this.choices = choices;
        this.filling = new Filling(desk.results, choices, intoOverlay);
    }

    /** A prompt, the plane it is meant for, and the label that it comes from (0: none). */
    public static final class Job {
        final Plane plane;
        /** What is asked. */
        public final Prompt prompt;
        /** The label that it comes from; 0: none. */
        public final long label;

        Job(Plane plane, Prompt prompt, long label) {
            this.plane = plane;
            this.prompt = prompt;
            this.label = label;
        }
    }

    /**
     * Answer prompts, all of one plane; each object is in the ROI Manager (the overlay without windows) as soon as it is
     * there. A prompt that the user draws meanwhile comes in between. Neither on the event thread nor on the worker's.
     *
     * @return number of objects found
     */
    public static int run(Desk desk, List<Job> jobs, Choices choices, Segmenter.Progress progress) {
        return run(desk, jobs, choices, progress, false);
    }

    /** The same; into the image's overlay also where there is a ROI Manager, if somebody wants it so. */
    public static int run(Desk desk, List<Job> jobs, Choices choices, Segmenter.Progress progress,
            boolean intoOverlay) {
        return new Batch(desk, choices, intoOverlay).run(jobs, progress);
    }

    private int run(List<Job> jobs, Segmenter.Progress told) {
        Segmenter.Progress progress = jobs.isEmpty() ? told : Frame.on(jobs.get(0).plane.imp, told);
        Options options = choices.options.withCandidates(1);
        try {
            int together = FEW;
            List<Job> sorted = sorted(jobs, progress);
            for (int from = 0; from < jobs.size(); ) {
                if (progress.isCancelled()) {
                    throw stopped(jobs.size());
                }
                List<Job> some = sorted.subList(from, Math.min(from + together, jobs.size()));
                Prompt[] prompts = some.stream().map(job -> job.prompt).toArray(Prompt[]::new);
                long begunAt = System.currentTimeMillis();
                desk.work.call(() -> {
                    scene(some.get(0).plane, progress).segmentAll(prompts, options,
                        (index, outlines) -> take(some.get(index), outlines), progress);
                    return null;
                });
                from += some.size();
                progress.tell("Prompt " + from + " of " + jobs.size(), (double) from / jobs.size());
                if (System.currentTimeMillis() - begunAt < SOON_MS) {
                    together = Math.min(MOST, 2 * together);
                }
            }
        } catch (SegmenterException why) {
            // In the midst of some prompts, too: what was found till then stays, and is counted.
            throw why.code().equals("cancelled") && progress.isCancelled() ? stopped(jobs.size()) : why;
        } finally {
            if (!jobs.isEmpty()) {
                filling.finish(jobs.get(0).plane.imp);
            }
        }
        filling.check();
        return found;
    }

    private SegmenterException stopped(int prompts) {
        return new SegmenterException("cancelled", "Stopped after " + answered + " of " + prompts + " prompts; " + found
            + " objects are in the ROI Manager.", "");
    }

    /** The jobs in the order in which each part of a large image is encoded once. */
    private List<Job> sorted(List<Job> jobs, Segmenter.Progress progress) {
        if (jobs.isEmpty()) {
            return jobs;
        }
        Prompt[] prompts = jobs.stream().map(job -> job.prompt).toArray(Prompt[]::new);
        int[] order = desk.work.call(() -> scene(jobs.get(0).plane, progress).order(prompts));
        return java.util.Arrays.stream(order).mapToObj(jobs::get).collect(java.util.stream.Collectors.toList());
    }

    /** The encoding of a plane, looked at for changes before the first prompt only. On the worker's thread. */
    private Segmenter.Scene scene(Plane plane, Segmenter.Progress progress) {
        Segmenter.Scene known = begun ? desk.scenes.known(plane, choices.model) : null;
        begun = true;
        return known != null ? known : desk.scenes.of(plane, choices.model, progress);
    }

    private void take(Job job, Outline[] outlines) {
        answered++;
        if (outlines.length > 0 && !outlines[0].isEmpty()) {
            found++;
            filling.add(job.plane, outlines[0], job.prompt, job.label);
        }
    }

    /** Say how it ended. */
    public static String sentence(int prompts, int found) {
        return IJ.d2s(found, 0) + " objects for " + prompts + " prompts are in the ROI Manager.";
    }
}
