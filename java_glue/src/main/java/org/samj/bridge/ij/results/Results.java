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
import java.util.Map;
import java.util.WeakHashMap;
import java.util.stream.Stream;
import org.samj.bridge.Outline;
import org.samj.bridge.Prompt;
import org.samj.bridge.ij.images.Plane;
import org.samj.bridge.ij.rois.Rois;

/**
 * Accepted objects: into the ROI Manager, with undo and redo. Whatever else the manager holds is left alone. On the
 * event thread only.
 */
public final class Results {

    private final Deque<Change> done = new ArrayDeque<>();
    private final Deque<Change> undone = new ArrayDeque<>();
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
        Change one = begin();
        exchange(one, roi, null, plane.imp);
        return one.in.get(0);
    }

    /** Give an outline the class and the colour of another one of its object; where that has none, those chosen. */
    public void paint(Roi roi, Roi like, int number, Choices choices) {
        Colours.paint(roi, number - 1, choices);
        if (like.getGroup() > 0) {
            roi.setGroup(like.getGroup());
        }
        if (like.getProperty("class") != null) {
            roi.setProperty("class", like.getProperty("class"));
        }
        if (like.getStrokeColor() != null) {
            roi.setStrokeColor(like.getStrokeColor());
        }
        Doubt.draw(roi);
    }

    /** Begin something that undo takes back as a whole: many outlines that come one by one, in place of others. */
    public Change begin() {
        return new Change();
    }

    /**
     * Put an outline into the manager as a part of a change, and take another one out. Either may be null.
     *
     * @return the first one as the manager holds it
     */
    public Roi exchange(Change change, Roi in, Roi out, ImagePlus imp) {
        if (!change.begun) {
            change.begun = true;
            done.push(change);
            undone.clear();
        }
        if (out != null && takeOut(out)) {
            if (!change.in.remove(out)) {
                change.out.add(out);
            }
        }
        Roi held = in == null ? null : put(in, imp);
        if (held != null) {
            change.in.add(held);
        }
        change.when = System.nanoTime();
        return held;
    }

    /** Take back what was done last to what the manager holds. Says what, or null: there is nothing that is still there. */
    public String undo(ImagePlus imp) {
        while (!done.isEmpty() && RoiManager.getInstance2() != null) {
            Change change = done.pop();
            // The user may have deleted them herself: then what was done before is meant.
            change.in.removeIf(roi -> !takeOut(roi));
            if (!change.isEmpty()) {
                change.out.replaceAll(roi -> back(roi, imp));
                note(undone, change, imp);
                return change.words("taken out of the ROI Manager", "put back");
            }
        }
        return null;
    }

    /** Do again what was taken back last. Says what, or null: there is nothing. */
    public String redo(ImagePlus imp) {
        if (undone.isEmpty()) {
            return null;
        }
        Change change = undone.pop();
        change.out.removeIf(roi -> !takeOut(roi));
        change.in.replaceAll(roi -> back(roi, imp));
        note(done, change, imp);
        return change.words("in the ROI Manager again", "taken out");
    }

    /** When that was done which {@link #undo} would take back; the smallest number: there is nothing. */
    public long newestDone() {
        return done.isEmpty() ? Long.MIN_VALUE : done.peek().when;
    }

    /** When that was taken back which {@link #redo} would do again; the smallest number: there is nothing. */
    public long newestUndone() {
        return undone.isEmpty() ? Long.MIN_VALUE : undone.peek().when;
    }

    private void note(Deque<Change> where, Change change, ImagePlus imp) {
        change.when = System.nanoTime();
        where.push(change);
        show(imp);
    }

    /** Put an outline back. The manager holds a copy of it then, which is what earlier changes mean from now on. */
    private Roi back(Roi roi, ImagePlus imp) {
        Roi held = put(roi, imp);
        Stream.concat(done.stream(), undone.stream()).forEach(other -> {
            other.in.replaceAll(one -> one == roi ? held : one);
            other.out.replaceAll(one -> one == roi ? held : one);
        });
        return held;
    }

    /** Take an outline out of the manager. Returns whether it was there. */
    private static boolean takeOut(Roi roi) {
        RoiManager manager = RoiManager.getInstance2();
        int index = manager == null ? -1 : index(manager, roi);
        if (index >= 0) {
            manager.delete(index);
        }
        return index >= 0;
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
