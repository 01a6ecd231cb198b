package org.samj.bridge.ij.batch;

import ij.IJ;
import ij.ImagePlus;
import ij.WindowManager;
import ij.io.Opener;
import ij.process.ByteProcessor;
import java.awt.Rectangle;
import java.io.File;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.samj.bridge.Outline;
import org.samj.bridge.Prompt;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.ij.images.Plane;
import org.samj.bridge.ij.rois.Rings;

/** A label image or a mask as prompts: each object's box, and its outline as the one to refine. */
public final class Labels {

    private Labels() {
    }

    /** The other open images, each with the reason why it can't be a label image or mask of this one (empty: it can). */
    public static Map<ImagePlus, String> candidates(ImagePlus imp) {
        Map<ImagePlus, String> found = new LinkedHashMap<>();
        int[] ids = WindowManager.getIDList();
        for (int id : ids == null ? new int[0] : ids) {
            ImagePlus other = WindowManager.getImage(id);
            if (other != null && other != imp) {
                found.put(other, new OpenLabels(other).trouble(imp));
            }
        }
        return found;
    }

    /** Labels as prompts, and what was made of them in words. */
    public static final class Found {
        /** One for each label, the smallest first. */
        public final List<Batch.Job> jobs;
        /** What isn't a matter of course, in sentences; empty: nothing. */
        public final String said;

        Found(List<Batch.Job> jobs, String said) {
            this.jobs = jobs;
            this.said = said;
        }
    }

    /** The labels in the open image of a title, or else in a file, as prompts for a plane. */
    public static Found named(Plane plane, String name) {
        ImagePlus open = WindowManager.getImage(name);
        File file = new File(name);
        if (open == null && !file.isFile()) {
            throw new SegmenterException("no-labels", "There is no open image called " + name + ", and no such file.",
                "Open the label image first, and write its title: labels=[TITLE]. Or the path of its file.");
        }
        if (open == plane.imp) {
            throw new SegmenterException("no-labels", name + " is the image that is to be segmented.",
                "Select the other image first; labels= names the label image.");
        }
        LabelSource numbers = open == null ? LabelFile.of(file) : null;
        return numbers != null ? jobs(plane, numbers) : of(plane, open == null ? opened(file) : open);
    }

    /**
     * One prompt for each label of an image, the smallest label first. An image of 0 and 255 only is a mask: each of
     * its connected parts is an object (pixels that touch in a corner belong together).
     */
    public static Found of(Plane plane, ImagePlus labels) {
        return jobs(plane, new OpenLabels(labels));
    }

    private static ImagePlus opened(File file) {
        Opener opener = new Opener();
        opener.setSilentMode(true);
        // ImageJ would ask the user to press OK, or fail where there are no windows.
        IJ.redirectErrorMessages(true);
        ImagePlus labels;
        try {
            labels = opener.openImage(file.getPath());
        } finally {
            IJ.redirectErrorMessages(false);
        }
        if (labels == null) {
            throw new SegmenterException("no-labels", "ImageJ can't open " + file.getName() + ".",
                "Save the labels as a TIFF of 16 bits, for example"
                    + " tifffile.imwrite('labels.tif', labels.astype('uint16')).");
        }
        return labels;
    }

    private static Found jobs(Plane plane, LabelSource labels) {
        String trouble = labels.trouble(plane.imp);
        if (!trouble.isEmpty()) {
            throw new SegmenterException("labels-do-not-fit", trouble,
                "Use a label image or mask made for this very image.");
        }
        int at = labels.plane(plane.imp, plane.stackIndex);
        long[] numbers = labels.values(at);
        boolean mask = labels.isMask(at);
        int width = labels.width;
        long[] values = mask ? parts(numbers, width) : numbers;
        List<Batch.Job> jobs = new ArrayList<>();
        for (Map.Entry<Long, Rectangle> object : boxes(values, width).entrySet()) {
            Rectangle b = object.getValue();
            Outline outline = outline(values, width, object.getKey(), b);
            Prompt prompt = new Prompt(new double[] {b.x, b.y, b.x + b.width, b.y + b.height}, null, null, outline);
            jobs.add(new Batch.Job(plane, prompt, mask ? 0 : object.getKey()));
        }
        if (jobs.isEmpty()) {
            throw new SegmenterException("no-labels", labels.title + " has no label: all of its pixels are 0.",
                labels.planes() == 1 ? "" : "Turn to a plane that has some.");
        }
        if (mask) {
            labels.note(labels.title + " has 0 and 255 only: taken as a mask of " + counted(jobs.size(), "object")
                + ", its connected parts.");
        } else if (jobs.size() == 1) {
            noteOne(labels, jobs.get(0).label, numbers);
        }
        return new Found(jobs, labels.said());
    }

    /** One label may be a mask of several objects that somebody means: say what was made of it, and the way out. */
    private static void noteOne(LabelSource labels, long label, long[] numbers) {
        long[] parts = parts(numbers, labels.width);
        long count = Arrays.stream(parts).max().orElse(0);
        if (count > 1) {
            labels.note(labels.title + " has the one label " + label + ": taken as one object of " + count + " parts."
                + " If each part is an object, make it a mask of 0 and 255 in 8 bits, or number the parts.");
        } else if (label == 1) {
            labels.note(labels.title + " has the one label 1: taken as one object.");
        }
    }

    private static String counted(int count, String noun) {
        return count + " " + noun + (count == 1 ? "" : "s");
    }

    /** The connected parts of a mask, numbered from 1 in the order of their first pixels. */
    private static long[] parts(long[] mask, int width) {
        int height = mask.length / width;
        long[] parts = new long[mask.length];
        long count = 0;
        Deque<Integer> waiting = new ArrayDeque<>();
        for (int start = 0; start < parts.length; start++) {
            if (parts[start] != 0 || mask[start] == 0) {
                continue;
            }
            parts[start] = ++count;
            waiting.push(start);
            while (!waiting.isEmpty()) {
                int at = waiting.pop();
                for (int y = Math.max(0, at / width - 1); y <= Math.min(height - 1, at / width + 1); y++) {
                    for (int x = Math.max(0, at % width - 1); x <= Math.min(width - 1, at % width + 1); x++) {
                        int next = y * width + x;
                        if (parts[next] == 0 && mask[next] != 0) {
                            parts[next] = count;
                            waiting.push(next);
                        }
                    }
                }
            }
        }
        return parts;
    }

    private static Map<Long, Rectangle> boxes(long[] values, int width) {
        Map<Long, Rectangle> boxes = new TreeMap<>();
        Rectangle last = null;
        for (int i = 0; i < values.length; i++) {
            if (values[i] == 0) {
                continue;
            }
            // Neighbours mostly have the same label: the map is asked where a label begins.
            if (last == null || i == 0 || values[i - 1] != values[i]) {
                last = boxes.computeIfAbsent(values[i], key -> new Rectangle(-1, -1));
            }
            // A rectangle of no extent takes whatever it is joined with.
            last.add(new Rectangle(i % width, i / width, 1, 1));
        }
        return boxes;
    }

    private static Outline outline(long[] values, int width, long label, Rectangle b) {
        ByteProcessor mask = new ByteProcessor(b.width, b.height);
        for (int y = 0; y < b.height; y++) {
            for (int x = 0; x < b.width; x++) {
                mask.set(x, y, values[(b.y + y) * width + b.x + x] == label ? 255 : 0);
            }
        }
        return new Outline(Rings.of(mask, b.x, b.y).toArray(new int[0][]), Double.NaN);
    }
}
