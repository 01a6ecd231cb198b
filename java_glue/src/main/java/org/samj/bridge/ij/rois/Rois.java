package org.samj.bridge.ij.rois;

import ij.gui.PolygonRoi;
import ij.gui.Roi;
import ij.gui.ShapeRoi;
import java.awt.geom.Path2D;
import java.awt.Color;
import org.samj.bridge.Outline;
import org.samj.bridge.Prompt;

/** Outlines to ImageJ's ROIs, exact to the pixel. */
public final class Rois {

    private static final Color QUIET = new Color(255, 214, 10);

    private Rois() {
    }

    /** One ring as a traced polygon, several as a composite; null for an empty outline. */
    public static Roi of(Outline outline) {
        if (outline.isEmpty()) {
            return null;
        }
        if (outline.rings.length == 1) {
            int[] ring = outline.rings[0];
            int n = ring.length / 2;
            int[] x = new int[n];
            int[] y = new int[n];
            for (int i = 0; i < n; i++) {
                x[i] = ring[2 * i];
                y[i] = ring[2 * i + 1];
            }
            return new PolygonRoi(x, y, n, Roi.TRACED_ROI);
        }
        Path2D.Float path = new Path2D.Float(Path2D.WIND_EVEN_ODD);
        for (int[] ring : outline.rings) {
            path.moveTo(ring[0], ring[1]);
            for (int i = 2; i < ring.length; i += 2) {
                path.lineTo(ring[i], ring[i + 1]);
            }
            path.closePath();
        }
        return new ShapeRoi(path);
    }

    /** As {@link #of}, with fewer vertices where the user wants it so; no longer exact then. */
    public static Roi of(Outline outline, double tolerance) {
        if (tolerance <= 0) {
            return of(outline);
        }
        int[][] rings = new int[outline.rings.length][];
        for (int i = 0; i < rings.length; i++) {
            rings[i] = Simplify.ring(outline.rings[i], tolerance);
        }
        return of(new Outline(rings, outline.score));
    }

    /** Mark a ROI as a proposal: quiet, and recognisable. */
    public static void asProposal(Roi roi) {
        roi.setStrokeColor(QUIET);
        roi.setProperty("samj", "proposal");
    }

    /** Note where a ROI comes from. */
    public static void describe(Roi roi, Outline outline, Prompt prompt, String model, int candidate) {
        if (!Double.isNaN(outline.score)) {
            roi.setProperty("score", Double.toString(outline.score));
        }
        roi.setProperty("model", model);
        roi.setProperty("prompt", prompt.toJson());
        roi.setProperty("candidate", Integer.toString(candidate));
    }
}
