package org.samj.bridge.ij.rois;

import ij.gui.ImageRoi;
import ij.gui.Roi;
import ij.gui.TextRoi;

/** Kinds of ROIs. */
public final class Kinds {

    /** Mark of what a click would give. */
    public static final String PREVIEW = "preview";
    /** Mark of a box that is being dragged. */
    public static final String BOX = "box";

    /** Mark of a prompt whose answer is on its way. */
    public static final String PROMPT = "prompt";

    private static final String MARK = "samj";

    private Kinds() {
    }

    /** Mark a selection as one that the tool made and may take away again; null: it is the user's. */
    public static void mark(Roi roi, String what) {
        roi.setProperty(MARK, what);
    }

    /** Whether a selection is one that the tool made and may take away again. */
    public static boolean isOurs(Roi roi) {
        return roi != null && roi.getProperty(MARK) != null;
    }

    /** Whether a ROI is an area that somebody drew. To ImageJ a text and a pasted image are rectangles as well. */
    public static boolean isArea(Roi roi) {
        return roi != null && roi.isArea() && !(roi instanceof TextRoi) && !(roi instanceof ImageRoi);
    }

    /** Whether a ROI is a plain rectangle. */
    public static boolean isRectangle(Roi roi) {
        return isArea(roi) && roi.getType() == Roi.RECTANGLE && roi.getCornerDiameter() == 0;
    }

    /** What to call a ROI in a sentence. */
    public static String name(Roi roi) {
        return roi instanceof TextRoi ? "text" : roi instanceof ImageRoi ? "pasted image"
            : roi.getTypeAsString().toLowerCase(java.util.Locale.ROOT) + " selection";
    }
}
