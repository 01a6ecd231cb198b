package org.samj.bridge.ij.batch;

import ij.IJ;
import ij.ImagePlus;
import ij.WindowManager;
import ij.process.ByteProcessor;
import ij.process.ImageProcessor;
import java.awt.Rectangle;
import java.io.File;
import java.util.ArrayDeque;
import java.util.ArrayList;
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
                found.put(other, trouble(imp, other));
            }
        }
        return found;
    }

    /** The open image of a title, or else the image in a file, as labels of another image. */
    public static ImagePlus named(ImagePlus imp, String name) {
        ImagePlus labels = WindowManager.getImage(name);
        if (labels == null && new File(name).isFile()) {
            labels = IJ.openImage(name);
        }
        if (labels == null) {
            throw new SegmenterException("no-labels", "There is no open image called " + name + ", and no such file.",
                "Open the label image first, and write its title: labels=[TITLE]. Or the path of its file.");
        }
        if (labels == imp) {
            throw new SegmenterException("no-labels", name + " is the image that is to be segmented.",
                "Select the other image first; labels= names the label image.");
        }
        return labels;
    }

    /**
     * One prompt for each label of an image, the smallest label first. An image of 0 and 255 only is a mask: each of
     * its connected parts is an object (pixels that touch in a corner belong together).
     */
    public static List<Batch.Job> jobs(Plane plane, ImagePlus labels) {
        String trouble = trouble(plane.imp, labels);
        if (!trouble.isEmpty()) {
            throw new SegmenterException("labels-do-not-fit", trouble,
                "Use a label image or mask made for this very image.");
        }
        int slice = labels.getStackSize() == 1 ? 1 : plane.stackIndex;
        ImageProcessor pixels = labels.getStackSize() == 1 ? labels.getProcessor()
            : labels.getStack().getProcessor(slice);
        boolean mask = pixels instanceof ByteProcessor && ((ByteProcessor) pixels).isBinary();
        int[] values = mask ? parts(pixels) : values(pixels, labels.getTitle());
        int width = pixels.getWidth();
        List<Batch.Job> jobs = new ArrayList<>();
        for (Map.Entry<Integer, Rectangle> object : boxes(values, width).entrySet()) {
            Rectangle b = object.getValue();
            Outline outline = outline(values, width, object.getKey(), b);
            Prompt prompt = new Prompt(new double[] {b.x, b.y, b.x + b.width, b.y + b.height}, null, null, outline);
            jobs.add(new Batch.Job(plane, prompt, mask ? 0 : object.getKey()));
        }
        if (jobs.isEmpty()) {
            throw new SegmenterException("no-labels", labels.getTitle() + " has no label: all of its pixels are 0.",
                labels.getStackSize() == 1 ? "" : "Turn to a plane that has some.");
        }
        return jobs;
    }

    /** Why an image can't hold labels of another one; empty: it can. */
    private static String trouble(ImagePlus imp, ImagePlus labels) {
        if (labels.getWidth() != imp.getWidth() || labels.getHeight() != imp.getHeight()) {
            return labels.getTitle() + " is " + labels.getWidth() + " x " + labels.getHeight() + " pixels, "
                + imp.getTitle() + " is " + imp.getWidth() + " x " + imp.getHeight() + ".";
        }
        if (labels.getStackSize() != 1 && labels.getStackSize() != imp.getStackSize()) {
            return labels.getTitle() + " has " + labels.getStackSize() + " planes, " + imp.getTitle() + " has "
                + imp.getStackSize() + ".";
        }
        return labels.getBitDepth() == 24 ? labels.getTitle() + " is a colour image: labels are numbers." : "";
    }

    private static int[] values(ImageProcessor pixels, String title) {
        int[] values = new int[pixels.getPixelCount()];
        for (int i = 0; i < values.length; i++) {
            float value = pixels.getf(i);
            values[i] = (int) value;
            if (values[i] != value || value < 0) {
                throw new SegmenterException("no-labels", title + " is no label image: it has the value " + value
                    + ".", "Labels are whole numbers, and 0 where there is no object.");
            }
        }
        return values;
    }

    /** The connected parts of a mask, numbered from 1 in the order of their first pixels. */
    private static int[] parts(ImageProcessor mask) {
        int width = mask.getWidth();
        int height = mask.getHeight();
        int[] parts = new int[width * height];
        int count = 0;
        Deque<Integer> waiting = new ArrayDeque<>();
        for (int start = 0; start < parts.length; start++) {
            if (parts[start] != 0 || mask.get(start) == 0) {
                continue;
            }
            parts[start] = ++count;
            waiting.push(start);
            while (!waiting.isEmpty()) {
                int at = waiting.pop();
                for (int y = Math.max(0, at / width - 1); y <= Math.min(height - 1, at / width + 1); y++) {
                    for (int x = Math.max(0, at % width - 1); x <= Math.min(width - 1, at % width + 1); x++) {
                        int next = y * width + x;
                        if (parts[next] == 0 && mask.get(next) != 0) {
                            parts[next] = count;
                            waiting.push(next);
                        }
                    }
                }
            }
        }
        return parts;
    }

    private static Map<Integer, Rectangle> boxes(int[] values, int width) {
        Map<Integer, Rectangle> boxes = new TreeMap<>();
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

    private static Outline outline(int[] values, int width, int label, Rectangle b) {
        ByteProcessor mask = new ByteProcessor(b.width, b.height);
        for (int y = 0; y < b.height; y++) {
            for (int x = 0; x < b.width; x++) {
                mask.set(x, y, values[(b.y + y) * width + b.x + x] == label ? 255 : 0);
            }
        }
        return new Outline(Rings.of(mask, b.x, b.y).toArray(new int[0][]), Double.NaN);
    }
}
