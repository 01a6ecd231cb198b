package org.samj.bridge.ij.tool;

import ij.ImagePlus;
import ij.gui.ImageCanvas;
import ij.gui.Roi;
import ij.plugin.tool.PlugInTool;
import java.awt.event.InputEvent;
import java.awt.event.MouseEvent;
import java.util.function.Supplier;
import org.samj.bridge.Prompt;
import org.samj.bridge.ij.rois.Kinds;

/**
 * The toolbar's tool: drag for a box, click for a point inside, Alt or right click for a point outside, Shift to say
 * more of the same object.
 */
public final class SamjTool extends PlugInTool {

    /** A drag shorter than this on the screen is a click with an unsteady hand. */
    private static final int CLICK = 4;

    /** Its name in the toolbar. */
    public static final String NAME =
        "SAMJ Tool (drag: box; click: point; Alt or right click: outside; Shift: more of the same)";

    private final Supplier<Live> running;
    private final Supplier<Live> connected;
    private final Runnable options;
    private int downX;
    private int downY;
    private int startX;
    private int startY;
    private boolean dragged;

    /**
     * A button that stays, whatever is connected behind it.
     *
     * @param running who takes prompts now; null: nobody
     * @param connected the same, connected now if it can be
     * @param options shows what can be chosen
     */
    public SamjTool(Supplier<Live> running, Supplier<Live> connected, Runnable options) {
        this.running = running;
        this.connected = connected;
        this.options = options;
    }

    @Override
    public String getToolName() {
        return NAME;
    }

    @Override
    public String getToolIcon() {
        // A cell, its outline, and the point that was clicked.
        return "C26cO11ee Cf80O5566 C000o7722 Cfd0D22D32D23 Ddd";
    }

    @Override
    public void mousePressed(ImagePlus imp, MouseEvent e) {
        ImageCanvas canvas = imp.getCanvas();
        downX = e.getX();
        downY = e.getY();
        startX = canvas.offScreenX(downX);
        startY = canvas.offScreenY(downY);
        dragged = false;
        e.consume();
    }

    @Override
    public void mouseDragged(ImagePlus imp, MouseEvent e) {
        e.consume();
        if (isOutside(e) || !dragged && Math.abs(e.getX() - downX) < CLICK && Math.abs(e.getY() - downY) < CLICK) {
            return;
        }
        dragged = true;
        double[] box = box(imp, e);
        Roi drawn = new Roi(box[0], box[1], box[2] - box[0], box[3] - box[1]);
        Kinds.mark(drawn, Kinds.BOX);
        imp.setRoi(drawn);
    }

    @Override
    public void mouseReleased(ImagePlus imp, MouseEvent e) {
        e.consume();
        Live live = connected.get();
        if (live != null) {
            live.desk.talk.guarded(() -> released(live, imp, e));
        }
    }

    private void released(Live live, ImagePlus imp, MouseEvent e) {
        if (dragged) {
            dragged = false;
            double[] box = box(imp, e);
            if (Kinds.isOurs(imp.getRoi())) {
                imp.deleteRoi();
            }
            if (box[2] > box[0] && box[3] > box[1]) {
                live.point(imp, Prompt.ofBox(box[0], box[1], box[2], box[3]));
            }
            return;
        }
        if (startX < 0 || startY < 0 || startX >= imp.getWidth() || startY >= imp.getHeight()) {
            return;
        }
        if (isOutside(e)) {
            live.refine(imp, startX, startY, false);
        } else if (e.isShiftDown()) {
            live.refine(imp, startX, startY, true);
        } else {
            live.point(imp, Prompt.ofPoint(startX, startY));
        }
    }

    @Override
    public void mouseMoved(ImagePlus imp, MouseEvent e) {
        Live live = running.get();
        ImageCanvas canvas = imp.getCanvas();
        int x = canvas.offScreenX(e.getX());
        int y = canvas.offScreenY(e.getY());
        if (live != null && x >= 0 && y >= 0 && x < imp.getWidth() && y < imp.getHeight()) {
            live.desk.talk.guarded(() -> live.preview(imp, x, y));
        }
    }

    @Override
    public void mouseClicked(ImagePlus imp, MouseEvent e) {
        e.consume();
    }

    @Override
    public void showOptionsDialog() {
        options.run();
    }

    private static boolean isOutside(MouseEvent e) {
        return (e.getModifiersEx() & InputEvent.ALT_DOWN_MASK) != 0;
    }

    private double[] box(ImagePlus imp, MouseEvent e) {
        ImageCanvas canvas = imp.getCanvas();
        int x = canvas.offScreenX(e.getX());
        int y = canvas.offScreenY(e.getY());
        return new double[] {
            clip(Math.min(startX, x), imp.getWidth()), clip(Math.min(startY, y), imp.getHeight()),
            clip(Math.max(startX, x), imp.getWidth()), clip(Math.max(startY, y), imp.getHeight()),
        };
    }

    private static double clip(int value, int size) {
        return Math.max(0, Math.min(size, value));
    }
}
