package org.samj.bridge.ij.parts;

import java.awt.BasicStroke;
import java.awt.Component;
import java.awt.Graphics;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Path2D;
import java.awt.geom.Rectangle2D;
import javax.swing.Icon;
import javax.swing.UIManager;

/**
 * Icons drawn as lines on a grid of 16, in the colour and the size of the text beside them: sharp on every screen, and
 * right on dark ones.
 */
public enum Icons implements Icon {
    /** A place that is pointed at. */
    POINT(g -> {
        g.draw(new Ellipse2D.Double(2.5, 2.5, 11, 11));
        g.fill(new Ellipse2D.Double(6.5, 6.5, 3, 3));
        lines(g, 8, 0.5, 8, 4, 8, 12, 8, 15.5);
        lines(g, 0.5, 8, 4, 8, 12, 8, 15.5, 8);
    }),
    /** Kept. */
    ACCEPT(g -> path(g, 2, 8.5, 6.5, 13, 14, 3.5)),
    /** Many objects. */
    EVERYTHING(g -> {
        g.draw(new Ellipse2D.Double(1, 1.5, 5.5, 5));
        g.draw(new Ellipse2D.Double(9, 1, 6, 6.5));
        g.draw(new Ellipse2D.Double(1.5, 9, 6.5, 6));
        g.draw(new Ellipse2D.Double(10.5, 10, 4, 4.5));
    }),
    /** One after the other. */
    BATCH(g -> {
        for (int y = 3; y < 16; y += 5) {
            g.fill(new Rectangle2D.Double(1, y - 1.2, 2.4, 2.4));
            lines(g, 6, y, 15, y);
        }
    }),
    /** Out of here. */
    EXPORT(g -> {
        path(g, 1.5, 9, 1.5, 14.5, 14.5, 14.5, 14.5, 9);
        lines(g, 8, 1.5, 8, 10);
        path(g, 4.5, 5, 8, 1.5, 11.5, 5);
    }),
    /** A frame that is drawn. */
    LIVE(g -> {
        path(g, 1.5, 5, 1.5, 1.5, 5, 1.5);
        path(g, 11, 1.5, 14.5, 1.5, 14.5, 5);
        path(g, 14.5, 11, 14.5, 14.5, 11, 14.5);
        path(g, 5, 14.5, 1.5, 14.5, 1.5, 11);
        g.fill(new Ellipse2D.Double(5.5, 5.5, 5, 5));
    }),
    /** A question. */
    HELP(g -> {
        g.draw(new Ellipse2D.Double(1.5, 1.5, 13, 13));
        Path2D.Double mark = new Path2D.Double();
        mark.moveTo(5.6, 6.2);
        mark.curveTo(5.6, 3, 10.4, 3, 10.4, 6);
        mark.curveTo(10.4, 8, 8, 7.8, 8, 9.8);
        g.draw(mark);
        g.fill(new Ellipse2D.Double(7.1, 11.2, 1.8, 1.8));
    }),
    /** To be fetched. */
    FETCH(g -> {
        path(g, 1.5, 11, 1.5, 14.5, 14.5, 14.5, 14.5, 11);
        lines(g, 8, 1, 8, 10.5);
        path(g, 4.5, 7, 8, 10.5, 11.5, 7);
    }),
    /** A file to open. */
    OPEN(g -> {
        path(g, 1.5, 13.5, 1.5, 2.5, 6, 2.5, 7.5, 4.5, 13.5, 4.5, 13.5, 7);
        path(g, 1.5, 13.5, 4, 7, 15.2, 7, 12.8, 13.5, 1.5, 13.5);
    }),
    /** Something is wrong. */
    WARNING(g -> {
        path(g, 8, 1.5, 15, 14.5, 1, 14.5, 8, 1.5);
        lines(g, 8, 6, 8, 10);
        g.fill(new Ellipse2D.Double(7.2, 11.6, 1.6, 1.6));
    }),
    /** As much room as the others take. */
    NONE(g -> { }),
    /** A section that is open. */
    UNFOLDED(g -> path(g, 3, 5.5, 8, 10.5, 13, 5.5)),
    /** A section that is folded. */
    FOLDED(g -> path(g, 5.5, 3, 10.5, 8, 5.5, 13));

    private static final double GRID = 16;

    private final transient Drawing drawing;

    Icons(Drawing drawing) {
        this.drawing = drawing;
    }

    private interface Drawing {
        void on(Graphics2D g);
    }

    @Override
    public void paintIcon(Component c, Graphics graphics, int x, int y) {
        Graphics2D g = (Graphics2D) graphics.create();
        try {
            g.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
            g.setRenderingHint(RenderingHints.KEY_STROKE_CONTROL, RenderingHints.VALUE_STROKE_PURE);
            g.translate(x, y);
            g.scale(size() / GRID, size() / GRID);
            java.awt.Color faint = UIManager.getColor("Label.disabledForeground");
            g.setColor(c.isEnabled() || faint == null ? c.getForeground() : faint);
            g.setStroke(new BasicStroke(1.6f, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
            drawing.on(g);
        } finally {
            g.dispose();
        }
    }

    @Override
    public int getIconWidth() {
        return size();
    }

    @Override
    public int getIconHeight() {
        return size();
    }

    /** As large as a capital letter with some air. */
    private static int size() {
        return Math.round(Sizes.em() * 1.35f);
    }

    private static void lines(Graphics2D g, double... places) {
        for (int i = 0; i + 3 < places.length; i += 4) {
            path(g, places[i], places[i + 1], places[i + 2], places[i + 3]);
        }
    }

    private static void path(Graphics2D g, double... places) {
        Path2D.Double path = new Path2D.Double();
        path.moveTo(places[0], places[1]);
        for (int i = 2; i < places.length; i += 2) {
            path.lineTo(places[i], places[i + 1]);
        }
        g.draw(path);
    }
}
