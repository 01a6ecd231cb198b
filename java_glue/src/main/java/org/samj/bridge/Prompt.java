package org.samj.bridge;

/** What the user pointed at. Pixel (x, y) covers the square from (x, y) to (x + 1, y + 1). */
public final class Prompt {

    /** Edges x0, y0, x1, y1; null: no box. */
    public final double[] box;
    /** Points inside the object, x0, y0, x1, y1, ... */
    public final double[] positive;
    /** Points outside the object, x0, y0, x1, y1, ... */
    public final double[] negative;
    /** An earlier outline that this prompt refines; null: none. */
    public final Outline mask;

    /** All fields; null arrays of points mean none. */
    public Prompt(double[] box, double[] positive, double[] negative, Outline mask) {
        this.box = box;
        this.positive = positive == null ? new double[0] : positive;
        this.negative = negative == null ? new double[0] : negative;
        this.mask = mask;
    }

    /** A box alone. */
    public static Prompt ofBox(double x0, double y0, double x1, double y1) {
        return new Prompt(new double[] {x0, y0, x1, y1}, null, null, null);
    }

    /** A point alone. */
    public static Prompt ofPoint(double x, double y) {
        return new Prompt(null, new double[] {x, y}, null, null);
    }

    /** This prompt with one more point, refining an outline (or null). */
    public Prompt with(double x, double y, boolean inside, Outline refined) {
        return new Prompt(box, inside ? append(positive, x, y) : positive, inside ? negative : append(negative, x, y),
            refined);
    }

    /** Whether there is something to look for: a box, a point inside or an outline. */
    public boolean isComplete() {
        return box != null || positive.length > 0 || mask != null;
    }

    /** The prompt in plain JSON, as it is kept with a ROI. */
    public String toJson() {
        StringBuilder text = new StringBuilder("{");
        if (box != null) {
            text.append("\"box\": ").append(list(box, 0, 4));
        }
        points(text, "points", positive);
        points(text, "negative", negative);
        return text.append('}').toString();
    }

    private static void points(StringBuilder text, String name, double[] points) {
        if (points.length == 0) {
            return;
        }
        text.append(text.length() > 1 ? ", " : "").append('"').append(name).append("\": [");
        for (int i = 0; i < points.length; i += 2) {
            text.append(i > 0 ? ", " : "").append(list(points, i, i + 2));
        }
        text.append(']');
    }

    private static String list(double[] values, int from, int to) {
        StringBuilder text = new StringBuilder("[");
        for (int i = from; i < to; i++) {
            text.append(i > from ? ", " : "");
            // Whole numbers are shown as such: they mean edges or pixels.
            text.append(values[i] == Math.rint(values[i]) ? Long.toString((long) values[i]) : values[i]);
        }
        return text.append(']').toString();
    }

    private static double[] append(double[] points, double x, double y) {
        double[] more = java.util.Arrays.copyOf(points, points.length + 2);
        more[points.length] = x;
        more[points.length + 1] = y;
        return more;
    }
}
