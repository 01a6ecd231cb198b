package org.samj.bridge.ij.tracks;

import ij.ImagePlus;
import ij.gui.Overlay;
import ij.gui.Roi;
import java.awt.EventQueue;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.samj.bridge.Given;
import org.samj.bridge.Prompt;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.Step;
import org.samj.bridge.ij.images.Plane;
import org.samj.bridge.ij.results.Change;
import org.samj.bridge.ij.results.Choices;
import org.samj.bridge.ij.results.Keeping;
import org.samj.bridge.ij.results.Results;
import org.samj.bridge.ij.rois.Rois;

/**
 * Puts objects into the ROI Manager (the overlay without windows) as they come, plane by plane, in place of what was found
 * there before. Who finds them never waits for the screen; the image turns to the plane that is done.
 */
final class Arriving {

    private static final long SHOWN_EVERY_MS = 200;

    private final Results results;
    private final Stacked stack;
    private final Objects objects;
    private final Choices choices;
    private final boolean intoOverlay;
    private final Doubts doubts;
    private final Change change;
    /** What was found before, by object and plane. */
    private final Map<String, Roi> old = new HashMap<>();
    private final Set<String> given = new HashSet<>();
    private final Map<Integer, Roi> like = new HashMap<>();
    private long shownAt;
    private int count;
    private int lost;
    private volatile Throwable failed;

    /** On the event thread: takes note of what is there between two planes, both among them. */
    Arriving(Results results, Stacked stack, Objects objects, Choices choices, boolean intoOverlay, int from, int to,
            Change change) {
        this.results = results;
        this.stack = stack;
        this.objects = objects;
        this.choices = choices;
        this.intoOverlay = intoOverlay;
        this.change = change;
        this.doubts = Doubts.of(stack.imp, stack.areFrames() ? "t" : "z");
        for (Roi roi : all(stack.imp, intoOverlay)) {
            int number = objects.number(roi);
            int plane = stack.index(roi);
            if (number > 0 && Objects.isFound(roi) && plane >= from && plane <= to) {
                old.put(number + " " + plane, roi);
            }
        }
        for (Given one : objects.given) {
            if (one.isOutline()) {
                given.add(one.object + " " + one.plane);
            }
        }
    }

    /** What there is: in the ROI Manager, or in the overlay. */
    static Roi[] all(ImagePlus imp, boolean intoOverlay) {
        Roi[] managed = intoOverlay ? new Roi[0] : Results.managed();
        return managed.length == 0 && imp.getOverlay() != null && (intoOverlay || Keeping.isWindowless())
            ? imp.getOverlay().toArray() : managed;
    }

    /** Take an object on a plane. From any thread but the event thread. */
    void add(Step step) {
        if (Keeping.isWindowless()) {
            put(step);
            return;
        }
        EventQueue.invokeLater(() -> {
            try {
                put(step);
            } catch (RuntimeException | Error error) {
                // A listener of another plugin's: the other objects are still to come.
                failed = failed == null ? error : failed;
            }
        });
    }

    private void put(Step step) {
        if (stack.imp.getProcessor() == null) {
            // Closed meanwhile: whoever reads the next plane is told.
            return;
        }
        String key = step.object + " " + step.plane;
        doubts.put(objects.name(step.object), step);
        lost += Step.LOST.equals(step.state) ? 1 : 0;
        if (!given.contains(key)) {
            exchange(step.outline.isEmpty() ? null : roi(step), old.remove(key));
            count += step.outline.isEmpty() ? 0 : 1;
        }
        long now = System.currentTimeMillis();
        if (!Keeping.isWindowless() && (now - shownAt >= SHOWN_EVERY_MS || stack.shown() != step.plane)) {
            shownAt = now;
            stack.show(step.plane);
            results.show(stack.imp);
        }
    }

    private Roi roi(Step step) {
        Plane plane = stack.plane(step.plane);
        Roi roi = Rois.of(step.outline, choices.simplify);
        Rois.describe(roi, step.outline, new Prompt(null, null, null, null), choices.model, 0);
        plane.place(roi);
        Roi first = like.computeIfAbsent(step.object, object -> objects.first.get(object - 1));
        roi.setName(objects.name(step.object));
        // As its object looks elsewhere: one name, one class, one colour.
        results.paint(roi, first, step.object, choices);
        Objects.mark(roi, step.state, step.iou, step.note);
        return roi;
    }

    private void exchange(Roi in, Roi out) {
        if (!intoOverlay) {
            results.exchange(change, in, out, stack.imp);
            return;
        }
        Overlay overlay = stack.imp.getOverlay() == null ? new Overlay() : stack.imp.getOverlay();
        if (out != null) {
            overlay.remove(out);
        }
        if (in != null) {
            overlay.add(in);
        }
        stack.imp.setOverlay(overlay);
    }

    /**
     * When it returns, everything is there. What was found before and not again goes, if everything was looked at.
     */
    void finish(boolean complete) {
        Keeping.onEventThread(() -> {
            if (complete) {
                old.forEach((key, roi) -> {
                    exchange(null, roi);
                    doubts.remove(Objects.name(roi), stack.index(roi));
                });
            }
            if (!Keeping.isWindowless()) {
                results.show(stack.imp);
            }
        });
    }

    /**
     * Tell what went wrong with an object on the event thread, once all the others are there.
     *
     * @throws SegmenterException something did
     */
    void check() {
        if (failed != null) {
            throw SegmenterException.of(failed);
        }
    }

    /** How it ended. */
    String sentence(int planes) {
        int many = objects.first.size();
        return many + (many == 1 ? " object" : " objects") + ": " + count + (count == 1 ? " outline" : " outlines")
            + " found on " + planes + " planes" + (lost == 0 ? "." : ", lost on " + lost + ".");
    }
}
