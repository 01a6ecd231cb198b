package org.samj.bridge.ij.macros;

import ij.ImagePlus;
import ij.Macro;
import ij.gui.PointRoi;
import ij.gui.Roi;
import ij.plugin.Colors;
import java.awt.Point;
import java.awt.Rectangle;
import org.samj.bridge.Options;
import org.samj.bridge.Prompt;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.ij.results.Choices;
import org.samj.bridge.ij.results.Classes;
import org.samj.bridge.ij.results.Colours;
import org.samj.bridge.ij.results.Keeping;
import org.samj.bridge.ij.rois.Kinds;

/** What is written behind a command in a macro, as {@link Recording} writes it; every mistake is told in words. */
public final class Arguments {

    private Arguments() {
    }

    /** The panel's choices with what was written in their place. */
    public static Choices choices(String text) {
        Choices now = Choices.get();
        // A macro means what it says: the panel's choices must not change what it does on another machine.
        Options options = new Options(1, number(text, "min", 0), flag(text, "fill"), flag(text, "largest"));
        String model = Macro.getValue(text, "model", text.isEmpty() ? now.model : "starter");
        String className = text.isEmpty() ? now.className : Classes.clean(Macro.getValue(text, "class", ""));
        Classes.declare(className);
        if (text.isEmpty()) {
            return new Choices(model, now.live, now.options, false, 0, now.pattern, now.colour, className, false);
        }
        return new Choices(model, now.live, options, false, decimal(text, "simplify", 0),
            Macro.getValue(text, "name", Choices.DEFAULT_PATTERN), colour(text), className, false);
    }

    /** Whether objects go into the image's overlay, also where there is a ROI Manager. */
    public static boolean intoOverlay(String text) {
        return flag(text, "overlay");
    }

    private static String colour(String text) {
        String colour = Macro.getValue(text, "colour", Colours.BY_LABEL);
        if (!Colours.names().contains(colour) && Colors.decode(colour, null) == null) {
            throw new SegmenterException("bad-option", "colour=" + colour + " is no colour.",
                "Write colour=[by label], colour=[by class], or a colour of ImageJ's such as yellow or #ff8800.");
        }
        return colour;
    }

    private static double decimal(String text, String key, double otherwise) {
        String value = Macro.getValue(text, key, "").trim();
        try {
            return value.isEmpty() ? otherwise : Double.parseDouble(value);
        } catch (NumberFormatException error) {
            throw new SegmenterException("bad-option", key + "=" + value + " is no number.", "");
        }
    }

    /** The prompt that was written; without one, the image's selection. */
    public static Prompt prompt(ImagePlus imp, String text) {
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
        if (Keeping.isLeft(imp)) {
            throw new SegmenterException("no-prompt", "There is nothing to look for: the selection is the object that"
                + " was found last.", "Give box=x0,y0,x1,y1 or point=x,y, or select something else.");
        }
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

    /** A whole number that was written; another one where there is none. */
    public static int number(String text, String key, int otherwise) {
        String value = Macro.getValue(text, key, "").trim();
        try {
            return value.isEmpty() ? otherwise : Integer.parseInt(value);
        } catch (NumberFormatException error) {
            throw new SegmenterException("bad-option", key + "=" + value + " is no whole number.", "");
        }
    }

    /** Whether a word stands there by itself, not within somebody's class or title. */
    public static boolean flag(String text, String name) {
        for (String word : text.replaceAll("\\[[^\\]]*\\]", "").split("\\s+")) {
            if (word.equals(name)) {
                return true;
            }
        }
        return false;
    }
}
