package org.samj.bridge.ij.images;

import ij.ImagePlus;
import ij.gui.ImageCanvas;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.EventQueue;
import java.awt.Graphics;
import java.awt.Graphics2D;
import java.awt.geom.Rectangle2D;
import org.samj.bridge.Segmenter;

/**
 * A thin frame around the tile of a large image that is being encoded. It is on the screen only: neither selection nor
 * overlay, which are the user's, know of it.
 */
public final class Frame {

    private static final Color LINE = new Color(0xffc107);
    private static final Color SHADE = new Color(0, 0, 0, 170);

    private Frame() {
    }

    /** A progress that draws the frame as well, as long as there is one. */
    public static Segmenter.Progress on(ImagePlus imp, Segmenter.Progress progress) {
        return new Segmenter.Progress() {
            private volatile int[] shown;

            @Override
            public void tell(String message, double fraction) {
                progress.tell(message, fraction);
                // Whatever else is drawn meanwhile, an object that was found, takes the frame away.
                show(imp, shown);
            }

            @Override
            public void at(int[] area) {
                progress.at(area);
                boolean other = shown != null;
                shown = area;
                if (other && imp.getCanvas() != null) {
                    imp.getCanvas().repaint();
                }
            }

            @Override
            public boolean isCancelled() {
                return progress.isCancelled();
            }
        };
    }

    private static void show(ImagePlus imp, int[] area) {
        if (area == null || imp.getCanvas() == null) {
            return;
        }
        EventQueue.invokeLater(() -> {
            ImageCanvas canvas = imp.getCanvas();
            Graphics graphics = canvas == null ? null : canvas.getGraphics();
            if (graphics != null) {
                draw((Graphics2D) graphics, canvas, area);
                graphics.dispose();
            }
        });
    }

    /** Draw a frame around a part of an image, given by its edges x0, y0, x1, y1. */
    public static void draw(Graphics2D g, ImageCanvas canvas, int[] area) {
        double x = canvas.screenXD(area[0]);
        double y = canvas.screenYD(area[1]);
        double width = canvas.screenXD(area[2]) - x;
        double height = canvas.screenYD(area[3]) - y;
        g.setStroke(new BasicStroke(1f));
        g.setColor(SHADE);
        g.draw(new Rectangle2D.Double(x + 1, y + 1, width - 3, height - 3));
        g.setColor(LINE);
        g.draw(new Rectangle2D.Double(x, y, width - 1, height - 1));
    }
}
