package org.samj.bridge.ij.tool;

import ij.gui.ImageCanvas;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.FontMetrics;
import java.awt.Graphics;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Line2D;
import java.awt.geom.Rectangle2D;
import java.awt.geom.RoundRectangle2D;
import org.samj.bridge.Prompt;
import org.samj.bridge.ij.images.Frame;

/**
 * A prompt on its image while it acts: the box, a plus for each point inside, a minus for each outside, words, and the
 * tile that is being encoded.
 */
final class Marks {

    private static final Color BOX = new Color(0x4fc3f7);
    private static final Color INSIDE = new Color(0x2e9e4f);
    private static final Color OUTSIDE = new Color(0xd33c3c);
    private static final Color DARK = new Color(0, 0, 0, 170);
    private static final double RADIUS = 5.5;
    private static final int MOST_LETTERS = 60;

    final Prompt prompt;
    /** How far the answer is; empty: it is there. */
    String words = "";
    /** Part of a large image that is being encoded, by its edges x0, y0, x1, y1; null: none. */
    int[] area;

    Marks(Prompt prompt) {
        this.prompt = prompt;
    }

    /** Draw them as large on the screen however much the image is magnified. */
    void draw(Graphics graphics, ImageCanvas canvas) {
        Graphics2D g = (Graphics2D) graphics.create();
        try {
            g.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
            if (area != null) {
                Frame.draw(g, canvas, area);
            }
            if (prompt.box != null) {
                box(g, canvas);
            }
            points(g, canvas, prompt.positive, INSIDE, true);
            points(g, canvas, prompt.negative, OUTSIDE, false);
            if (!words.isEmpty()) {
                words(g, canvas);
            }
        } finally {
            g.dispose();
        }
    }

    private void box(Graphics2D g, ImageCanvas canvas) {
        double x = canvas.screenXD(prompt.box[0]);
        double y = canvas.screenYD(prompt.box[1]);
        Rectangle2D frame = new Rectangle2D.Double(x, y, canvas.screenXD(prompt.box[2]) - x,
            canvas.screenYD(prompt.box[3]) - y);
        g.setColor(DARK);
        g.setStroke(new BasicStroke(2.5f));
        g.draw(frame);
        g.setColor(BOX);
        g.setStroke(new BasicStroke(1.5f, BasicStroke.CAP_BUTT, BasicStroke.JOIN_MITER, 10f, new float[] {5, 3}, 0f));
        g.draw(frame);
    }

    private static void points(Graphics2D g, ImageCanvas canvas, double[] places, Color colour, boolean plus) {
        for (int i = 0; i + 1 < places.length; i += 2) {
            double x = canvas.screenXD(middle(places[i]));
            double y = canvas.screenYD(middle(places[i + 1]));
            g.setColor(Color.WHITE);
            g.fill(new Ellipse2D.Double(x - RADIUS - 1, y - RADIUS - 1, 2 * RADIUS + 2, 2 * RADIUS + 2));
            g.setColor(colour);
            g.fill(new Ellipse2D.Double(x - RADIUS, y - RADIUS, 2 * RADIUS, 2 * RADIUS));
            g.setColor(Color.WHITE);
            g.setStroke(new BasicStroke(1.6f));
            g.draw(new Line2D.Double(x - 3, y, x + 3, y));
            if (plus) {
                g.draw(new Line2D.Double(x, y - 3, x, y + 3));
            }
        }
    }

    /** A whole number means the pixel of that number: its middle is half a pixel on. */
    private static double middle(double place) {
        return place == Math.rint(place) ? place + 0.5 : place;
    }

    private void words(Graphics2D g, ImageCanvas canvas) {
        String text = words.length() > MOST_LETTERS ? words.substring(0, MOST_LETTERS - 3) + "..." : words;
        FontMetrics font = g.getFontMetrics();
        double[] at = prompt.box != null ? new double[] {prompt.box[0], prompt.box[3]} : last();
        double width = font.stringWidth(text) + 12;
        double height = font.getHeight() + 4;
        // All of it on the image, wherever the object is.
        double x = Math.max(2, Math.min(canvas.screenXD(at[0]), canvas.getWidth() - width - 2));
        double y = Math.max(2, Math.min(canvas.screenYD(at[1]) + RADIUS + 4, canvas.getHeight() - height - 2));
        g.setColor(DARK);
        g.fill(new RoundRectangle2D.Double(x, y, width, height, 8, 8));
        g.setColor(Color.WHITE);
        g.drawString(text, (float) x + 6, (float) y + 2 + font.getAscent());
    }

    private double[] last() {
        double[] from = prompt.positive.length > 0 ? prompt.positive : prompt.negative;
        int n = from.length;
        return n < 2 ? new double[2] : new double[] {from[n - 2], from[n - 1]};
    }
}
