package org.samj.bridge.ij.tool;

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
import java.util.Set;
import java.util.WeakHashMap;
import java.util.concurrent.ConcurrentHashMap;
import org.samj.bridge.Prompt;
import org.samj.bridge.ij.images.Plane;
import org.samj.bridge.ij.results.Choices;
import org.samj.bridge.ij.rois.Kinds;

/**
 * Looks at images: ImageJ's own rectangle, point and multi-point tools as prompts while Live is on, the wheel over a
 * proposal, and images that are closed. Nothing of ImageJ's is taken away.
 */
public final class Watch extends MouseAdapter implements ImageListener {

    private final Live live;
    private final Map<ImageCanvas, Boolean> watched = new WeakHashMap<>();
    private final Set<ImagePlus> updated = ConcurrentHashMap.newKeySet();

    /** Looks at nothing yet. */
    public Watch(Live live) {
        this.live = live;
    }

    /** Look at every image, from now on. */
    public void install() {
        ImagePlus.addImageListener(this);
        int[] ids = WindowManager.getIDList();
        for (int id : ids == null ? new int[0] : ids) {
            attach(WindowManager.getImage(id));
        }
    }

    /** Look no more. */
    public void remove() {
        ImagePlus.removeImageListener(this);
        for (ImageCanvas canvas : new ArrayList<>(watched.keySet())) {
            canvas.removeMouseListener(this);
            canvas.removeMouseWheelListener(this);
        }
        watched.clear();
    }

    @Override
    public void imageOpened(ImagePlus imp) {
        later(() -> attach(imp));
    }

    @Override
    public void imageClosed(ImagePlus imp) {
        later(() -> live.forget(imp));
    }

    @Override
    public void imageUpdated(ImagePlus imp) {
        // Called from any thread, thousands of times by a macro: one look at a time at whether the plane changed.
        if (updated.add(imp)) {
            later(() -> {
                updated.remove(imp);
                leaveOtherPlane(imp);
            });
        }
    }

    @Override
    public void mouseReleased(MouseEvent e) {
        live.desk.talk.guarded(() -> released(e));
    }

    @Override
    public void mouseExited(MouseEvent e) {
        live.desk.talk.guarded(() -> exited(e));
    }

    private void released(MouseEvent e) {
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
        later(() -> prompt(imp, imp.getRoi()));
    }

    private void exited(MouseEvent e) {
        ImagePlus imp = ((ImageCanvas) e.getSource()).getImage();
        if (imp != null) {
            live.endPreview(imp);
        }
    }

    @Override
    public void mouseWheelMoved(MouseWheelEvent e) {
        ImageCanvas canvas = (ImageCanvas) e.getSource();
        ImagePlus imp = canvas.getImage();
        boolean here = imp != null && e.getModifiersEx() == 0 && live.shown(imp) != null;
        if (here) {
            Roi roi = imp.getRoi();
            Rectangle bounds = roi == null ? new Rectangle() : roi.getBounds();
            here = bounds.contains(canvas.offScreenX(e.getX()), canvas.offScreenY(e.getY()));
        }
        boolean[] turned = new boolean[1];
        if (here) {
            live.desk.talk.guarded(() -> turned[0] = live.turn(imp, e.getWheelRotation() > 0 ? 1 : -1));
        }
        if (turned[0]) {
            e.consume();
            return;
        }
        // A canvas that listens to the wheel keeps it from its window, which zooms and turns slices.
        if (canvas.getParent() instanceof ImageWindow) {
            ((ImageWindow) canvas.getParent()).mouseWheelMoved(e);
        }
    }

    private void later(Runnable job) {
        EventQueue.invokeLater(() -> live.desk.talk.guarded(job));
    }

    private void attach(ImagePlus imp) {
        ImageCanvas canvas = imp == null ? null : imp.getCanvas();
        if (canvas != null && watched.put(canvas, true) == null) {
            canvas.addMouseListener(this);
            canvas.addMouseWheelListener(this);
        }
    }

    private void leaveOtherPlane(ImagePlus imp) {
        Proposal shown = live.shown(imp);
        if (shown != null && imp.getProcessor() != null && !Plane.shownKey(imp).equals(shown.plane.key())) {
            live.leave(imp);
        }
    }

    private void prompt(ImagePlus imp, Roi roi) {
        if (roi == null || Kinds.isOurs(roi)) {
            return;
        }
        if (Kinds.isRectangle(roi)) {
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
            live.desk.talk.say("Live takes rectangles and points; a " + Kinds.name(roi) + " is left as it is.");
        }
    }
}
