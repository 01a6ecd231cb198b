package org.samj.bridge;

/** One object on one plane of a stack, as it was given or found there. Python's class of the same name. */
public final class Step {

    /** The user said so. */
    public static final String PROMPTED = "prompted";
    /** Found from the plane before. */
    public static final String FOLLOWED = "followed";
    /** Not found, or something else was; the outline is empty. */
    public static final String LOST = "lost";
    /** Found again after it was lost. */
    public static final String REAPPEARED = "reappeared";

    /** From 0. */
    public final int plane;
    /** Which object, from 1. */
    public final int object;
    /** Where it is. */
    public final Outline outline;
    /** One of the above. */
    public final String state;
    /** Overlap with the plane that it comes from; NaN where it was given. */
    public final double iou;
    /** Why it is lost or doubtful, in words. */
    public final String note;

    /** All fields. */
    public Step(int plane, int object, Outline outline, String state, double iou, String note) {
        this.plane = plane;
        this.object = object;
        this.outline = outline;
        this.state = state;
        this.iou = iou;
        this.note = note;
    }

    /** How doubtful it is, 0 to 1. */
    public double doubt() {
        if (PROMPTED.equals(state)) {
            return 0;
        }
        if (LOST.equals(state)) {
            return 1;
        }
        double sure = Double.isNaN(outline.score) ? iou : Double.isNaN(iou) ? outline.score : Math.min(outline.score, iou);
        // Something is wrong about what has a note, however sure the network is.
        return Math.max(1 - (Double.isNaN(sure) ? 0 : sure), note.isEmpty() ? 0 : 0.5);
    }
}
