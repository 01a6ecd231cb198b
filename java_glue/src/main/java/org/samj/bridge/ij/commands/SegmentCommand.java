package org.samj.bridge.ij.commands;

import ij.IJ;
import ij.ImagePlus;
import ij.Macro;
import ij.gui.Overlay;
import ij.gui.PointRoi;
import ij.gui.Roi;
import ij.plugin.PlugIn;
import java.awt.EventQueue;
import java.awt.GraphicsEnvironment;
import java.awt.Point;
import java.awt.Rectangle;
import java.util.List;
import org.samj.bridge.Options;
import org.samj.bridge.Outline;
import org.samj.bridge.Prompt;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.ij.Bridge;
import org.samj.bridge.ij.batch.Batch;
import org.samj.bridge.ij.batch.Labels;
import org.samj.bridge.ij.images.Plane;
import org.samj.bridge.ij.results.Choices;
import org.samj.bridge.ij.results.Classes;
import org.samj.bridge.ij.results.Colours;
import org.samj.bridge.ij.results.Results;
import org.samj.bridge.ij.rois.Kinds;
import org.samj.bridge.ij.rois.Rois;

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

    /** Segment one object of an image. Returns its ROI, which is the image's selection now. */
    public static Roi segment(ImagePlus imp, String text) {
        Bridge bridge = Bridge.required();
        Choices choices = choices(text);
        Prompt prompt = prompt(imp, text);
        Plane plane = Plane.shown(imp);
        int wanted = number(text, "candidate", 1);
        int asked = Math.max(wanted, 1);
        if (wanted < 1 || wanted > 3) {
            throw new SegmenterException("bad-option", "candidate=" + wanted + " is none of 1, 2 and 3.", "");
        }
        Options own = choices.options;
        Options limited = new Options(asked > 1 ? 3 : 1, own.minArea, own.fillHoles, own.largestOnly);
        Outline[] found = bridge.call(
            () -> bridge.live.scenes.of(plane, choices.model, bridge.live.progress()).segment(prompt, limited));
        if (found.length < asked || found[asked - 1].isEmpty()) {
            throw new SegmenterException("nothing-found", "Nothing was found for " + prompt.toJson() + ".",
                "Try a box, or a point elsewhere.");
        }
        Outline outline = found[asked - 1];
        return keep(bridge, plane, outline, prompt, asked - 1, choices);
    }

    /** Refine every label of a label image or mask. Says how it ended. */
    public static String labels(ImagePlus imp, String options) {
        Bridge bridge = Bridge.required();
        Choices choices = choices(options);
        ImagePlus labels = Labels.named(imp, Macro.getValue(options, "labels", ""));
        List<Batch.Job> jobs = Labels.jobs(Plane.shown(imp), labels);
        int found = Batch.run(bridge, jobs, choices, bridge.live.progress());
        return Batch.sentence(jobs.size(), found);
    }

    public static Roi keep(Bridge bridge, Plane plane, Outline outline, Prompt prompt, int candidate, Choices choices) {
        if (GraphicsEnvironment.isHeadless() || IJ.getInstance() == null) {
            // There is no ROI Manager without windows: the overlay is what can be saved and measured.
            Roi roi = Rois.of(outline, choices.simplify);
            Rois.describe(roi, outline, prompt, choices.model, candidate);
            plane.place(roi);
            Overlay overlay = plane.imp.getOverlay() == null ? new Overlay() : plane.imp.getOverlay();
            roi.setName(Results.name(choices.pattern, overlay.size() + 1, plane.imp, choices.model));
            Colours.paint(roi, overlay.size(), choices);
            overlay.add(roi);
            plane.imp.setOverlay(overlay);
            plane.imp.setRoi((Roi) roi.clone());
            return roi;
        }
        Roi[] made = new Roi[1];
        try {
            EventQueue.invokeAndWait(() -> {
                made[0] = bridge.live.results.add(plane, outline, prompt, choices.model, candidate, choices);
                plane.imp.setRoi((Roi) made[0].clone());
            });
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        } catch (java.lang.reflect.InvocationTargetException error) {
            throw SegmenterException.of(error.getCause());
        }
        return made[0];
    }

    public static Choices choices(String text) {
        Choices now = Choices.get();
        // A macro means what it says: the panel's choices must not change what it does on another machine.
        Options options = new Options(1, number(text, "min", 0), flag(text, "fill"), flag(text, "largest"));
        String model = Macro.getValue(text, "model", text.isEmpty() ? now.model : "starter");
        String className = text.isEmpty() ? now.className : Classes.clean(Macro.getValue(text, "class", ""));
        Classes.declare(className);
        return new Choices(model, now.live, text.isEmpty() ? now.options : options, false, 0,
            now.pattern, now.colour, className, false);
    }

    private static Prompt prompt(ImagePlus imp, String text) {
        double[] box = numbers(text, "box");
        double[] points = numbers(text, "points");
        if (points == null) {
            points = numbers(text, "point");
        }
        double[] negative = numbers(text, "negative");
        if (box != null && box.length != 4) {
            throw new SegmenterException("bad-option", "box= needs four numbers, not " + box.length + ".",
                "Write box=x0,y0,x1,y1: the edges, as in box=10,20,90,80.");
        }
        Prompt prompt = new Prompt(box, points, negative, null);
        return prompt.isComplete() ? prompt : ofSelection(imp, negative);
    }

    private static Prompt ofSelection(ImagePlus imp, double[] negative) {
        Roi roi = imp.getRoi();
        if (roi instanceof PointRoi) {
            Point[] inside = roi.getContainedPoints();
            double[] points = new double[2 * inside.length];
            for (int i = 0; i < inside.length; i++) {
                points[2 * i] = inside[i].x;
                points[2 * i + 1] = inside[i].y;
            }
            return new Prompt(null, points, negative, null);
        }
        if (!Kinds.isArea(roi)) {
            throw new SegmenterException("no-prompt", "There is nothing to look for.",
                "Give box=x0,y0,x1,y1 or point=x,y, or select a rectangle or points on the image.");
        }
        Rectangle b = roi.getBounds();
        return new Prompt(new double[] {b.x, b.y, b.x + b.width, b.y + b.height}, null, negative, null);
    }

    private static double[] numbers(String text, String key) {
        String value = Macro.getValue(text, key, "").trim();
        if (value.isEmpty()) {
            return null;
        }
        String[] parts = value.split("[,;\\s]+");
        double[] numbers = new double[parts.length];
        for (int i = 0; i < parts.length; i++) {
            try {
                numbers[i] = Double.parseDouble(parts[i]);
            } catch (NumberFormatException error) {
                throw new SegmenterException("bad-option", key + "=" + value + " has something that is no number.",
                    "Write numbers with commas between them, as in " + key + "=10,20.");
            }
        }
        if (numbers.length % 2 != 0 && !"box".equals(key)) {
            throw new SegmenterException("bad-option", key + "=" + value + " has an odd count of numbers.",
                "Write x,y for each point.");
        }
        return numbers;
    }

    public static int number(String text, String key, int otherwise) {
        String value = Macro.getValue(text, key, "").trim();
        try {
            return value.isEmpty() ? otherwise : Integer.parseInt(value);
        } catch (NumberFormatException error) {
            throw new SegmenterException("bad-option", key + "=" + value + " is no whole number.", "");
        }
    }

    private static boolean flag(String text, String name) {
        for (String word : text.split("\\s+")) {
            if (word.equals(name)) {
                return true;
            }
        }
        return false;
    }
}
