package org.samj.bridge.ij;

import ij.IJ;
import ij.ImageListener;
import ij.ImagePlus;
import ij.WindowManager;
import ij.gui.ImageCanvas;
import ij.gui.ImageWindow;
import ij.gui.PointRoi;
import ij.gui.Roi;
import ij.gui.Toolbar;
import java.awt.EventQueue;
import java.awt.Point;
import java.awt.Rectangle;
import java.awt.event.MouseAdapter;
import java.awt.event.MouseEvent;
import java.awt.event.MouseWheelEvent;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.WeakHashMap;
import org.samj.bridge.Prompt;

/**
 * Looks at images: ImageJ's own rectangle, point and multi-point tools as prompts while Live is on, the wheel over a
 * proposal, and images that are closed. Nothing of ImageJ's is taken away.
 */
final class Watch extends MouseAdapter implements ImageListener {

    private final Live live;
    private final Map<ImageCanvas, Boolean> watched = new WeakHashMap<>();

    Watch(Live live) {
        this.live = live;
    }

    void install() {
        ImagePlus.addImageListener(this);
        int[] ids = WindowManager.getIDList();
        for (int id : ids == null ? new int[0] : ids) {
            attach(WindowManager.getImage(id));
        }
    }

    void remove() {
        ImagePlus.removeImageListener(this);
        for (ImageCanvas canvas : new ArrayList<>(watched.keySet())) {
            canvas.removeMouseListener(this);
            canvas.removeMouseWheelListener(this);
        }
        watched.clear();
    }

    @Override
    public void imageOpened(ImagePlus imp) {
        EventQueue.invokeLater(() -> attach(imp));
    }

    @Override
    public void imageClosed(ImagePlus imp) {
        EventQueue.invokeLater(() -> live.forget(imp));
    }

    @Override
    public void imageUpdated(ImagePlus imp) {
        // Called for every repaint, from any thread: only a look at whether the plane changed under a proposal.
        if (live.shown() != null && live.shown().plane.imp == imp) {
            EventQueue.invokeLater(() -> leaveOtherPlane(imp));
        }
    }

    @Override
    public void mouseReleased(MouseEvent e) {
        ImageCanvas canvas = (ImageCanvas) e.getSource();
        ImagePlus imp = canvas.getImage();
        boolean ours = Toolbar.getPlugInTool() instanceof SamjTool;
        if (imp == null || !ours && !Choices.get().live) {
            return;
        }
        if (e.getButton() == MouseEvent.BUTTON3) {
            // ImageJ asks no tool about right clicks. Its menu stays away while an object is shown: see Live.
            if (live.isBusyWith(imp)) {
                live.refine(imp, canvas.offScreenX(e.getX()), canvas.offScreenY(e.getY()), false);
            }
            return;
        }
        if (ours) {
            return;
        }
        // ImageJ's own listener came first: the selection is finished now.
        EventQueue.invokeLater(() -> prompt(imp, imp.getRoi(), e.isAltDown()));
    }

    @Override
    public void mouseWheelMoved(MouseWheelEvent e) {
        ImageCanvas canvas = (ImageCanvas) e.getSource();
        Proposal shown = live.shown();
        boolean here = shown != null && canvas.getImage() == shown.plane.imp && e.getModifiersEx() == 0;
        if (here) {
            Roi roi = shown.plane.imp.getRoi();
            Rectangle bounds = roi == null ? new Rectangle() : roi.getBounds();
            here = bounds.contains(canvas.offScreenX(e.getX()), canvas.offScreenY(e.getY()));
        }
        if (here && live.turn(e.getWheelRotation() > 0 ? 1 : -1)) {
            e.consume();
            return;
        }
        // A canvas that listens to the wheel keeps it from its window, which zooms and turns slices.
        if (canvas.getParent() instanceof ImageWindow) {
            ((ImageWindow) canvas.getParent()).mouseWheelMoved(e);
        }
    }

    private void attach(ImagePlus imp) {
        ImageCanvas canvas = imp == null ? null : imp.getCanvas();
        if (canvas != null && watched.put(canvas, true) == null) {
            canvas.addMouseListener(this);
            canvas.addMouseWheelListener(this);
        }
    }

    private void leaveOtherPlane(ImagePlus imp) {
        Proposal shown = live.shown();
        if (shown == null || shown.plane.imp != imp || imp.getProcessor() == null) {
            return;
        }
        if (!Plane.shownKey(imp).equals(shown.plane.key())) {
            live.leave();
            if (Rois.isProposal(imp.getRoi())) {
                imp.deleteRoi();
            }
        }
    }

    private void prompt(ImagePlus imp, Roi roi, boolean alt) {
        if (roi == null || Rois.isProposal(roi)) {
            return;
        }
        if (roi.getType() == Roi.RECTANGLE && roi.getCornerDiameter() == 0) {
            Rectangle b = roi.getBounds().intersection(new Rectangle(imp.getWidth(), imp.getHeight()));
            if (b.width > 0 && b.height > 0) {
                live.point(imp, Prompt.ofBox(b.x, b.y, b.x + b.width, b.y + b.height));
            }
        } else if (roi.getType() == Roi.POINT) {
            List<Double> inside = new ArrayList<>();
            for (Point p : ((PointRoi) roi).getContainedPoints()) {
                if (p.x >= 0 && p.y >= 0 && p.x < imp.getWidth() && p.y < imp.getHeight()) {
                    inside.add((double) p.x);
                    inside.add((double) p.y);
                }
            }
            if (!inside.isEmpty()) {
                double[] points = inside.stream().mapToDouble(Double::doubleValue).toArray();
                live.point(imp, new Prompt(null, points, null, null));
            }
        } else {
            IJ.showStatus("Live takes rectangles and points; a " + roi.getTypeAsString().toLowerCase()
                + " is left as it is.");
        }
    }
}
