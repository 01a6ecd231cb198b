package org.samj.bridge.appose;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.samj.bridge.Prompt;
import org.samj.bridge.SegmenterException;

/** Prompts as they are sent, in continuous coordinates; the rules and words are those of samj_bridge/session/prompts.py. */
final class Prompts {

    private Prompts() {
    }

    /** Check a prompt against an image and a model, and return what {@code segment} takes. */
    static Map<String, Object> toWire(Prompt prompt, int width, int height, Card.Model model) {
        if (!prompt.isComplete()) {
            String what = prompt.negative.length > 0 ? "has negative points only" : "is empty";
            throw bad("The prompt " + what + ": nothing says where the object is.",
                "Add a box, a point inside the object, or a mask.");
        }
        checkTaken(prompt, model);
        Map<String, Object> wire = new HashMap<>();
        if (prompt.box != null) {
            wire.put("box", box(prompt.box, width, height));
        }
        put(wire, "points", points(prompt.positive, "point", width, height));
        put(wire, "negative", points(prompt.negative, "negative point", width, height));
        if (prompt.mask != null && !prompt.mask.isEmpty()) {
            wire.put("mask", Collections.singletonMap("rings", rings(prompt.mask.rings, width, height)));
        }
        if (wire.isEmpty()) {
            throw bad("The mask of the prompt is empty.", "Give an outline with at least one pixel.");
        }
        return wire;
    }

    private static void checkTaken(Prompt prompt, Card.Model model) {
        boolean points = model.prompts.contains("points");
        List<String> wrong = new ArrayList<>();
        note(wrong, "a box", prompt.box != null && !model.prompts.contains("box"));
        note(wrong, "points", prompt.positive.length > 0 && !points);
        // A network that has no notion of them chooses among its masks, and cuts them, by the negative points.
        note(wrong, "negative points", prompt.negative.length > 0 && !points && !model.prompts.contains("negative"));
        note(wrong, "a mask", prompt.mask != null && !prompt.mask.isEmpty() && !model.prompts.contains("mask"));
        if (!wrong.isEmpty()) {
            throw new SegmenterException("prompt-not-taken", "The model '" + model.id + "' can't take a prompt that has "
                + String.join(" and ", wrong) + ".", "It takes: " + String.join(", ", model.prompts)
                + ". Leave the rest out, or use another model, for example starter.");
        }
    }

    private static List<Double> box(double[] box, int width, int height) {
        if (box.length != 4 || !finite(box)) {
            throw bad("The box is " + Arrays.toString(box) + ", not four finite numbers.", "Give the edges x0, y0, x1, y1.");
        }
        if (box[0] > box[2] || box[1] > box[3]) {
            double[] right = {Math.min(box[0], box[2]), Math.min(box[1], box[3]), Math.max(box[0], box[2]),
                Math.max(box[1], box[3])};
            throw bad("The box " + words(box) + " has its corners swapped.",
                "Give the edges as x0, y0, x1, y1, smaller first: " + words(right) + ".");
        }
        if (box[0] == box[2] || box[1] == box[3]) {
            throw bad("The box " + words(box) + " has no extent.", "Drag a box around the object, or use a point. Edges"
                + " are half open: one pixel is (x, y, x + 1, y + 1).");
        }
        List<Double> cut = Arrays.asList(Math.max(box[0], 0), Math.max(box[1], 0), Math.min(box[2], width),
            Math.min(box[3], height));
        if (cut.get(0) >= cut.get(2) || cut.get(1) >= cut.get(3)) {
            throw outside("its box " + words(box), width, height);
        }
        return cut;
    }

    private static List<List<Double>> points(double[] values, String kind, int width, int height) {
        if (values.length % 2 != 0 || !finite(values)) {
            throw bad("The " + kind + "s are " + Arrays.toString(values) + ", not pairs of finite numbers.",
                "Give x0, y0, x1, y1, ...");
        }
        List<List<Double>> pairs = new ArrayList<>();
        for (int i = 0; i < values.length; i += 2) {
            double x = values[i];
            double y = values[i + 1];
            if (x == Math.rint(x) && y == Math.rint(y)) {
                // The pixel of that index: its centre.
                x += 0.5;
                y += 0.5;
            }
            if (x < 0 || y < 0 || x > width || y > height) {
                throw outside("its " + kind + " " + words(Arrays.copyOfRange(values, i, i + 2)), width, height);
            }
            pairs.add(Arrays.asList(x, y));
        }
        return pairs;
    }

    private static int[][] rings(int[][] rings, int width, int height) {
        for (int[] ring : rings) {
            for (int i = 0; i < ring.length; i++) {
                if (ring[i] < 0 || ring[i] > (i % 2 == 0 ? width : height)) {
                    throw outside("its mask", width, height);
                }
            }
        }
        return rings;
    }

    private static void put(Map<String, Object> wire, String name, List<List<Double>> points) {
        if (!points.isEmpty()) {
            wire.put(name, points);
        }
    }

    private static void note(List<String> words, String word, boolean really) {
        if (really) {
            words.add(word);
        }
    }

    private static boolean finite(double[] values) {
        return Arrays.stream(values).allMatch(Double::isFinite);
    }

    private static String words(double[] values) {
        StringBuilder text = new StringBuilder("(");
        for (double value : values) {
            text.append(text.length() > 1 ? ", " : "");
            text.append(value == Math.rint(value) ? Long.toString((long) value) : Double.toString(value));
        }
        return text.append(')').toString();
    }

    private static SegmenterException bad(String message, String hint) {
        return new SegmenterException("bad-prompt", message, hint);
    }

    private static SegmenterException outside(String what, int width, int height) {
        return new SegmenterException("prompt-outside-image", "The prompt lies outside the image: " + what
            + " is not within " + width + " x " + height + " pixels (x, y).",
            "Give pixel coordinates of the image that was encoded, x before y, from 0.");
    }
}
