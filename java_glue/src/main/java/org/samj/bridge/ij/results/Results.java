package org.samj.bridge.ij.results;

import ij.ImagePlus;
import ij.gui.Overlay;
import ij.gui.Roi;
import ij.plugin.frame.RoiManager;
import java.awt.GraphicsEnvironment;
import java.awt.Rectangle;
import java.awt.Window;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.WeakHashMap;
import org.samj.bridge.Outline;
import org.samj.bridge.Prompt;
import org.samj.bridge.ij.images.Plane;
import org.samj.bridge.ij.rois.Rois;

/**
 * Accepted objects: into the ROI Manager, with undo and redo. Whatever else the manager holds is left alone. On the
 * event thread only.
 */
public final class Results {

    private final Deque<Roi> done = new ArrayDeque<>();
    private final Deque<Roi> undone = new ArrayDeque<>();
    /** When each of them was added or taken out, beside other things that undo takes back. */
    private final Map<Roi, Long> when = new IdentityHashMap<>();
    private final Map<ImagePlus, Boolean> seen = new WeakHashMap<>();
    private int number;

    /** What the ROI Manager holds now; nothing where there is none. */
    public static Roi[] managed() {
        if (GraphicsEnvironment.isHeadless()) {
            return new Roi[0];
        }
        RoiManager manager = RoiManager.getInstance2();
        return manager == null ? new Roi[0] : manager.getRoisAsArray();
    }

    /** Add an object, and show it. Returns its ROI as the manager holds it. */
    public Roi add(Plane plane, Outline outline, Prompt prompt, String model, int candidate, Choices choices) {
        Roi held = enter(plane, outline, prompt, model, candidate, choices);
        show(plane.imp);
        return held;
    }

    /** Add an object without showing it: for one of many, see {@link #show}. */
    Roi enter(Plane plane, Outline outline, Prompt prompt, String model, int candidate, Choices choices) {
        Roi roi = Rois.of(outline, choices.simplify);
        Rois.describe(roi, outline, prompt, model, candidate);
        plane.place(roi);
        number++;
        roi.setName(name(choices.pattern, number, plane.imp, model));
        Colours.paint(roi, number - 1, choices);
        Doubt.draw(roi);
        Roi held = put(roi, plane.imp);
        note(done, held);
        undone.forEach(when::remove);
        undone.clear();
        return held;
    }

    /** Take the last object out of the manager again. Returns it, or null: there is none that is still there. */
    public Roi undo() {
        RoiManager manager = RoiManager.getInstance2();
        while (!done.isEmpty() && manager != null) {
            Roi roi = done.pop();
            int index = index(manager, roi);
            // The user may have deleted it herself: then the one before it is meant.
            if (index >= 0) {
                manager.delete(index);
                note(undone, roi);
                return roi;
            }
        }
        return null;
    }

    /** Put the object that was last taken out back. Returns it, or null: there is none. */
    public Roi redo(ImagePlus imp) {
        if (undone.isEmpty()) {
            return null;
        }
        Roi held = put(undone.pop(), imp);
        show(imp);
        note(done, held);
        return held;
    }

    /** When the object was added that {@link #undo} would take out; the smallest number: there is none. */
    public long newestDone() {
        return done.isEmpty() ? Long.MIN_VALUE : when.get(done.peek());
    }

    /** When the object was taken out that {@link #redo} would put back; the smallest number: there is none. */
    public long newestUndone() {
        return undone.isEmpty() ? Long.MIN_VALUE : when.get(undone.peek());
    }

    private void note(Deque<Roi> where, Roi roi) {
        where.push(roi);
        when.put(roi, System.nanoTime());
    }

    private Roi put(Roi roi, ImagePlus imp) {
        boolean opened = RoiManager.getInstance2() == null;
        RoiManager manager = RoiManager.getRoiManager();
        if (opened) {
            settle(manager, imp);
        }
        // Our macro line is recorded once; ImageJ would record another for the same object.
        manager.allowRecording(false);
        try {
            manager.add(imp, roi, -1);
        } finally {
            manager.allowRecording(true);
        }
        Roi held = manager.getRoi(manager.getCount() - 1);
        // The manager gives stacks' ROIs names of its own.
        if (!roi.getName().equals(held.getName())) {
            manager.rename(manager.getCount() - 1, roi.getName());
        }
        if (!manager.isVisible()) {
            manager.setVisible(true);
        }
        return held;
    }

    /** Show what the manager holds on an image, unless the user doesn't want it. The image's selection stays. */
    public void show(ImagePlus imp) {
        RoiManager manager = RoiManager.getInstance2();
        if (manager == null) {
            return;
        }
        Overlay all = imp.getCanvas() == null ? null : imp.getCanvas().getShowAllList();
        Roi selection = imp.getRoi();
        // Switched on once per image, since whoever switches it off wants it off; renewed while it is on.
        boolean first = seen.put(imp, true) == null;
        if (first || all != null && selection == null) {
            manager.runCommand(imp, "Show All");
            if (selection != null && imp.getRoi() == null) {
                // ImageJ took it off. One that it takes for new stays the same object.
                selection.setImage(null);
                imp.setRoi(selection);
            }
        } else if (all != null) {
            // While something is selected, an outline that was clicked on or a box that is being dragged, the list is
            // renewed here: a selection that goes and comes is another one to whoever listens.
            all.clear();
            for (Roi roi : manager.getRoisAsArray()) {
                all.add(roi);
            }
            imp.getCanvas().setShowAllList(all);
            imp.draw();
        }
    }

    /** A manager that opens because of us neither covers the image nor takes the keyboard from it. */
    private static void settle(RoiManager manager, ImagePlus imp) {
        Window window = imp.getWindow();
        if (window == null) {
            return;
        }
        Rectangle screen = window.getGraphicsConfiguration().getBounds();
        int right = window.getX() + window.getWidth();
        int left = window.getX() - manager.getWidth();
        boolean fits = right + manager.getWidth() <= screen.x + screen.width;
        manager.setLocation(fits ? right : Math.max(screen.x, left), Math.max(screen.y, window.getY()));
        window.toFront();
        imp.getCanvas().requestFocus();
    }

    private static int index(RoiManager manager, Roi roi) {
        for (int i = 0; i < manager.getCount(); i++) {
            if (manager.getRoi(i) == roi) {
                return i;
            }
        }
        return -1;
    }

    /** A name from a pattern: {@code #} stand for the number's digits, {image} and {model} for what they say. */
    static String name(String pattern, int number, ImagePlus imp, String model) {
        String title = imp.getShortTitle();
        String text = pattern.replace("{image}", title).replace("{model}", model);
        int from = text.indexOf('#');
        if (from < 0) {
            return text + "-" + number;
        }
        int to = from;
        while (to < text.length() && text.charAt(to) == '#') {
            to++;
        }
        return text.substring(0, from) + String.format("%0" + (to - from) + "d", number) + text.substring(to);
    }
}
