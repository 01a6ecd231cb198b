package org.samj.bridge.stack;

import java.util.Locale;
import org.samj.bridge.Outline;

/** When an object is lost: the values are those of Python's {@code StopRules}. */
final class Rules {

    static final double MIN_IOU = 0.5;
    static final double MAX_AREA_RATIO = 2;
    static final double MIN_SCORE = 0.55;
    /** Planes on which a lost object is looked for before it is given up. */
    static final int PATIENCE = 2;

    private Rules() {
    }

    /** Why what was found is not the object, in words; empty where it is. */
    static String whyLost(Outline outline, Mask found, Mask before, double iou) {
        if (found.isEmpty()) {
            return "nothing was found";
        }
        if (iou < MIN_IOU) {
            return String.format(Locale.ROOT, "IoU with the plane before %.2f < 0.5", iou);
        }
        double ratio = (double) found.area / before.area;
        if (ratio < 1 / MAX_AREA_RATIO || ratio > MAX_AREA_RATIO) {
            return String.format(Locale.ROOT, "area %.2f times that on the plane before", ratio);
        }
        if (outline.score < MIN_SCORE) {
            return String.format(Locale.ROOT, "score %.2f < 0.55", outline.score);
        }
        return "";
    }
}
