package org.samj.bridge.ij.tool;

import ij.gui.PolygonRoi;
import ij.gui.Roi;
import ij.gui.ShapeRoi;
import java.awt.Graphics;
import java.awt.Rectangle;
import java.awt.geom.AffineTransform;
import org.samj.bridge.Prompt;
import org.samj.bridge.ij.rois.Kinds;

/**
 * Selections of ours that draw the prompt behind them as well. To ImageJ they are ordinary ones; what is kept of an
 * object is another ROI, and the image's overlay, which is the user's, has nothing of it.
 */
interface Marked {

    /** Draw this prompt from now on. */
    void mark(Marks marks);

    /** A selection of an outline with the prompt that it answers. */
    static Roi of(Roi outline, Marks marks) {
        Roi made = outline instanceof ShapeRoi ? new Shape((ShapeRoi) outline) : new Ring((PolygonRoi) outline);
        ((Marked) made).mark(marks);
        return made;
    }

    /** A selection of nothing but the prompt, as long as its answer is on its way. */
    static Roi asked(Marks marks) {
        Roi made = new Asked(marks.prompt);
        ((Marked) made).mark(marks);
        Kinds.mark(made, Kinds.PROMPT);
        return made;
    }

    /** Draw what belongs to a selection; a copy of it in an overlay or elsewhere is an outline like any other. */
    static void draw(Roi roi, Marks marks, Graphics g) {
        ij.ImagePlus imp = roi.getImage();
        if (marks != null && imp != null && imp.getRoi() == roi && Kinds.isOurs(roi) && imp.getCanvas() != null) {
            marks.draw(g, imp.getCanvas());
        }
    }

    /** An outline of one ring. */
    final class Ring extends PolygonRoi implements Marked {
        private transient Marks marks;

        Ring(PolygonRoi plain) {
            super(plain.getPolygon(), Roi.TRACED_ROI);
        }

        @Override
        public void mark(Marks newMarks) {
            marks = newMarks;
        }

        @Override
        public void draw(Graphics g) {
            super.draw(g);
            Marked.draw(this, marks, g);
        }
    }

    /** An outline of several rings. */
    final class Shape extends ShapeRoi implements Marked {
        private transient Marks marks;

        Shape(ShapeRoi plain) {
            super(AffineTransform.getTranslateInstance(plain.getXBase(), plain.getYBase())
                .createTransformedShape(plain.getShape()));
        }

        @Override
        public void mark(Marks newMarks) {
            marks = newMarks;
        }

        @Override
        public void draw(Graphics g) {
            super.draw(g);
            Marked.draw(this, marks, g);
        }
    }

    /** A prompt without an outline. */
    final class Asked extends Roi implements Marked {
        private transient Marks marks;

        Asked(Prompt prompt) {
            super(around(prompt));
        }

        @Override
        public void mark(Marks newMarks) {
            marks = newMarks;
        }

        @Override
        public void draw(Graphics g) {
            Marked.draw(this, marks, g);
        }

        private static Rectangle around(Prompt prompt) {
            Rectangle all = null;
            if (prompt.box != null) {
                int x = (int) Math.floor(prompt.box[0]);
                int y = (int) Math.floor(prompt.box[1]);
                all = new Rectangle(x, y, (int) Math.ceil(prompt.box[2]) - x, (int) Math.ceil(prompt.box[3]) - y);
            }
            for (double[] points : new double[][] {prompt.positive, prompt.negative}) {
                for (int i = 0; i + 1 < points.length; i += 2) {
                    Rectangle pixel = new Rectangle((int) points[i], (int) points[i + 1], 1, 1);
                    all = all == null ? pixel : all.union(pixel);
                }
            }
            return all == null ? new Rectangle(0, 0, 1, 1) : all;
        }
    }
}
