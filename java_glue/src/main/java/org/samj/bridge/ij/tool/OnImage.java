package org.samj.bridge.ij.tool;

import ij.ImagePlus;
import ij.gui.Roi;
import java.util.ArrayDeque;
import java.util.Deque;
import org.samj.bridge.Prompt;

/**
 * What goes on on one image: the object that is shown there, what was shown before, and what is on its way. Images
 * have nothing to do with each other. On the event thread only, but for {@link #closed}.
 */
final class OnImage {

    private static final int KEPT = 50;

    final ImagePlus imp;

    /** What was shown before something was done, and when that was. */
    static final class Step {
        final Proposal before;
        final long when;

        Step(Proposal before, long when) {
            this.before = before;
            this.when = when;
        }
    }

    /** Not accepted yet; null: none. */
    Proposal shown;
    /** What a click would give, while the mouse rests there; null: none. */
    Proposal preview;
    /** What is drawn of the newest prompt. */
    Marks marks;
    /** The newest prompt while its answer is on its way; null: it is there. */
    Prompt asked;
    /** Number of the newest prompt. */
    long lastAsked;
    /** Prompts without an answer yet. */
    int waiting;
    /** The prompt whose answer goes into the ROI Manager at once; -1: none. */
    long acceptAt = -1;
    boolean previewing;
    long lastPreview;
    /** Set when the image is closed: whatever is being done for it can stop. */
    volatile boolean closed;

    /** The selection that shows the proposal, and a copy of it as it was. */
    private Roi drawn;
    private Roi asDrawn;
    private final Deque<Step> done = new ArrayDeque<>();
    private final Deque<Step> undone = new ArrayDeque<>();

    OnImage(ImagePlus imp) {
        this.imp = imp;
    }

    /** Whether an object is shown, or on its way. */
    boolean isBusy() {
        return shown != null || waiting > 0;
    }

    /** Note that the image's selection shows the proposal now. */
    void drawn() {
        drawn = imp.getRoi();
        asDrawn = drawn == null ? null : (Roi) drawn.clone();
    }

    /** Whether the image's selection still is the proposal, and nobody has moved or edited it. */
    boolean shownIsOn() {
        return drawn != null && imp.getRoi() == drawn && drawn.equals(asDrawn);
    }

    /** Show another object, or none; undo brings back what was shown before. */
    void change(Proposal next) {
        note(shown);
        shown = next;
    }

    /** Note an object that undo is to bring back, though another one is shown. */
    void note(Proposal before) {
        done.push(new Step(before, System.nanoTime()));
        if (done.size() > KEPT) {
            done.removeLast();
        }
        undone.clear();
    }

    /** The object was accepted: its steps are not to be undone any more. */
    Proposal accepted() {
        Proposal taken = shown;
        while (!done.isEmpty() && done.peek().before != null && done.peek().before.object == taken.object) {
            done.pop();
        }
        if (!done.isEmpty() && done.peek().before == null) {
            done.pop();
        }
        undone.clear();
        shown = null;
        return taken;
    }

    /** When the step was that {@link #undo} would take back; the smallest number: there is none. */
    long newestDone() {
        return done.isEmpty() ? Long.MIN_VALUE : done.peek().when;
    }

    /** When the step was taken back that {@link #redo} would do again; the smallest number: there is none. */
    long newestUndone() {
        return undone.isEmpty() ? Long.MIN_VALUE : undone.peek().when;
    }

    /** Go back to what was shown before the last step. */
    void undo() {
        undone.push(new Step(shown, System.nanoTime()));
        shown = done.pop().before;
    }

    /** Do the last step again that was taken back. */
    void redo() {
        done.push(new Step(shown, System.nanoTime()));
        shown = undone.pop().before;
    }
}
