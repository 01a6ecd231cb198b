package org.samj.bridge.ij.results;

import ij.ImagePlus;
import ij.Prefs;
import ij.WindowManager;
import ij.gui.Roi;
import java.awt.BasicStroke;

/**
 * How sure the model is of an outline, shown by its line where the user wants it: full, dashed, dotted. By the score,
 * the overlap with what was meant that the model itself expects.
 */
public final class Doubt {

    /** Below this an outline is dashed. */
    public static final double DASHED = 0.85;
    /** Below this it is dotted. */
    public static final double DOTTED = 0.6;

    private static final String KEY = "samj.doubtful";

    private Doubt() {
    }

    /** Whether doubt is shown. */
    public static boolean isShown() {
        return Prefs.get(KEY, false);
    }

    /** Show doubt or not, from now on and on what the ROI Manager holds. On the event thread. */
    public static void show(boolean on) {
        Prefs.set(KEY, on);
        for (Roi roi : Results.managed()) {
            draw(roi);
        }
        ImagePlus imp = WindowManager.getCurrentImage();
        if (imp != null) {
            if (imp.getRoi() != null) {
                draw(imp.getRoi());
            }
            imp.draw();
        }
    }

    /** Give a ROI the line that its score asks for. One without a score is left alone. */
    public static void draw(Roi roi) {
        Double score = score(roi);
        if (score == null) {
            return;
        }
        float width = roi.getStrokeWidth();
        float[] dashes = isShown() ? dashes(score) : null;
        boolean dashed = roi.getStroke() != null && roi.getStroke().getDashArray() != null;
        if (dashes != null) {
            float unit = Math.max(1f, width);
            roi.setStroke(new BasicStroke(unit, BasicStroke.CAP_BUTT, BasicStroke.JOIN_BEVEL, 1f,
                new float[] {dashes[0] * unit, dashes[1] * unit}, 0f));
        } else if (dashed) {
            roi.setStrokeWidth(width);
        }
    }

    /** The score of a ROI; null: it has none. */
    static Double score(Roi roi) {
        try {
            return roi.getProperty("score") == null ? null : Double.valueOf(roi.getProperty("score"));
        } catch (NumberFormatException others) {
            // Somebody else's property of the same name.
            return null;
        }
    }

    /** Lengths of line and gap; null: a full line. */
    static float[] dashes(double score) {
        return score >= DASHED ? null : score >= DOTTED ? new float[] {6, 4} : new float[] {1, 3};
    }
}
