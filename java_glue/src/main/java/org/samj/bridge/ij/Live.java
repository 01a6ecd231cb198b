package org.samj.bridge.ij;

import ij.IJ;
import ij.ImagePlus;
import ij.gui.Roi;
import java.awt.EventQueue;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Consumer;
import org.samj.bridge.Options;
import org.samj.bridge.Outline;
import org.samj.bridge.Prompt;
import org.samj.bridge.Segmenter;
import org.samj.bridge.SegmenterException;

/**
 * Prompts in, proposals on the image, accepted objects in the ROI Manager.
 *
 * <p>Its state belongs to the event thread, which only leaves jobs with {@link Work}; what they find comes back by
 * {@code invokeLater}.
 */
final class Live {

    private static final int KEPT = 50;
    private static final long PREVIEW_MS = 80;

    final Work work;
    final Scenes scenes;
    final Results results = new Results();
    private final Segmenter segmenter;
    private final Deque<Proposal> dropped = new ArrayDeque<>();
    private Proposal shown;
    private long lastAsked;
    private Prompt asked;
    private ImagePlus askedOn;
    private int waiting;
    private long acceptAt = -1;
    private Consumer<String> teller = message -> { };
    private volatile boolean cancelled;
    private long lastPreview;
    private boolean previewing;

    Live(Segmenter segmenter, Work work) {
        this.segmenter = segmenter;
        this.work = work;
        this.scenes = new Scenes(segmenter);
    }

    /** Whoever shows messages, such as the panel. */
    void tellTo(Consumer<String> newTeller) {
        teller = newTeller;
    }

    /** The object that is shown and not accepted yet; null: none. */
    Proposal shown() {
        return shown;
    }

    /** Number of prompts that wait for their answer. */
    int waiting() {
        return waiting;
    }

    /** Point at a new object. What was shown before can be had back by undo. */
    void point(ImagePlus imp, Prompt prompt) {
        if (shown != null && shown.plane.imp == imp) {
            if (Choices.get().addAtOnce) {
                accept();
            } else {
                keep(shown);
                shown = null;
            }
        }
        ask(imp, prompt);
    }

    /** Say more of the object that is shown: another point inside or outside. Starts one where none is shown. */
    void refine(ImagePlus imp, double x, double y, boolean inside) {
        if (shown != null && shown.plane.imp == imp) {
            ask(imp, shown.prompt.with(x, y, inside, shown.outline()));
        } else if (waiting > 0 && asked != null && askedOn == imp) {
            // The first answer is still on its way: what was said so far counts, without an outline to refine.
            ask(imp, asked.with(x, y, inside, null));
        } else if (inside) {
            ask(imp, Prompt.ofPoint(x, y));
        } else {
            say("A point outside needs an object: click on the object first.");
        }
    }

    /** Whether an object is shown on an image, or on its way. */
    boolean isBusyWith(ImagePlus imp) {
        return shown != null && shown.plane.imp == imp || waiting > 0 && askedOn == imp;
    }

    /** Right clicks mean "not this" while an object is shown; at any other time they open ImageJ's own menu. */
    private void lendRightClick(ImagePlus imp) {
        if (imp.getCanvas() != null) {
            imp.getCanvas().disablePopupMenu(isBusyWith(imp));
        }
    }

    /** Put the object that is shown into the ROI Manager; one that is still on its way as soon as it is there. */
    void accept() {
        if (shown == null) {
            acceptAt = waiting > 0 ? lastAsked : -1;
            return;
        }
        Proposal taken = shown;
        shown = null;
        ImagePlus imp = taken.plane.imp;
        lendRightClick(imp);
        if (Rois.isProposal(imp.getRoi())) {
            imp.deleteRoi();
        }
        Roi roi = results.add(taken.plane, taken.outline(), taken.prompt, taken.model, taken.chosen, Choices.get());
        Recording.segment(taken, Choices.get());
        say(roi.getName() + " is in the ROI Manager.");
    }

    /** Take what is shown off the image. Undo brings it back. */
    void drop() {
        lastAsked++;
        if (shown != null) {
            ImagePlus imp = shown.plane.imp;
            keep(shown);
            clear(imp);
            shown = null;
            lendRightClick(imp);
            say("Dropped. " + Keys.undoKey() + " brings it back.");
        }
    }

    /** Show another candidate. Returns whether there was one to show. */
    boolean choose(int index) {
        if (shown == null) {
            return false;
        }
        Proposal other = shown.choose(index);
        if (other == shown) {
            return index == shown.chosen;
        }
        show(other);
        return true;
    }

    /** Show the next candidate, or the one before. */
    boolean turn(int steps) {
        if (shown == null || shown.candidates.length < 2) {
            return false;
        }
        return choose(Math.floorMod(shown.chosen + steps, shown.candidates.length));
    }

    /** Undo: a dropped proposal comes back first, then accepted objects go. Returns whether there was anything. */
    boolean undo() {
        if (shown == null && !dropped.isEmpty()) {
            Proposal back = dropped.pop();
            if (back.plane.imp.getWindow() != null || back.plane.imp.isVisible()) {
                show(back);
                return true;
            }
            return undo();
        }
        Roi roi = results.undo();
        if (roi != null) {
            say(roi.getName() + " was taken out of the ROI Manager.");
        }
        return roi != null;
    }

    /** Redo what undo took out of the ROI Manager. Returns whether there was anything. */
    boolean redo(ImagePlus imp) {
        Roi roi = results.redo(imp);
        if (roi != null) {
            say(roi.getName() + " is in the ROI Manager again.");
        }
        return roi != null;
    }

    /** Show what a click here would give, where nothing else is shown; at most so often, and never before a click. */
    void preview(ImagePlus imp, int x, int y) {
        long now = System.currentTimeMillis();
        Roi there = imp.getRoi();
        boolean free = there == null || Rois.isProposal(there);
        if (!Choices.get().preview || shown != null || waiting > 0 || previewing || !free
                || now - lastPreview < PREVIEW_MS) {
            return;
        }
        lastPreview = now;
        previewing = true;
        long then = lastAsked;
        Choices choices = Choices.get();
        Plane plane = Plane.shown(imp);
        work.later(() -> {
            Outline[] found = new Outline[0];
            try {
                // An image that nobody clicked on yet is not encoded for a moving mouse.
                Segmenter.Scene scene = scenes.known(plane, choices.model);
                found = scene == null ? found : scene.segment(Prompt.ofPoint(x, y), Options.plain());
            } catch (RuntimeException | Error error) {
                Log.add(error);
            }
            Outline[] shownNow = found;
            EventQueue.invokeLater(() -> {
                previewing = false;
                if (then == lastAsked && shown == null && shownNow.length > 0 && !shownNow[0].isEmpty()) {
                    Roi roi = Rois.of(shownNow[0]);
                    Rois.asProposal(roi);
                    imp.setRoi(roi);
                }
            });
        });
    }

    /** Stop what is being done. */
    void cancel() {
        cancelled = true;
    }

    /** An image was closed: free what belongs to it. */
    void forget(ImagePlus imp) {
        if (shown != null && shown.plane.imp == imp) {
            shown = null;
        }
        dropped.removeIf(proposal -> proposal.plane.imp == imp);
        work.later(() -> scenes.forget(imp));
    }

    /** Take the proposal off the image, because the user turned to another plane or drew something herself. */
    void leave() {
        if (shown != null) {
            ImagePlus imp = shown.plane.imp;
            keep(shown);
            shown = null;
            lendRightClick(imp);
        }
    }

    void say(String message) {
        IJ.showStatus(message);
        Log.add(message);
        teller.accept(message);
    }

    /** Progress to the status bar and to whoever listens. */
    Segmenter.Progress progress() {
        cancelled = false;
        return new Segmenter.Progress() {
            @Override
            public void tell(String message, double fraction) {
                EventQueue.invokeLater(() -> {
                    IJ.showStatus(message);
                    if (fraction >= 0) {
                        IJ.showProgress(fraction);
                    }
                    teller.accept(message);
                });
            }

            @Override
            public boolean isCancelled() {
                return cancelled;
            }
        };
    }

    /** Show an error in words. From any thread. */
    void fail(Throwable error) {
        SegmenterException told = SegmenterException.of(error);
        Log.add(error);
        EventQueue.invokeLater(() -> {
            IJ.showProgress(1.0);
            say(told.sentence());
        });
    }

    private void ask(ImagePlus imp, Prompt prompt) {
        Choices choices = Choices.get();
        Plane plane = Plane.shown(imp);
        long id = ++lastAsked;
        asked = prompt;
        askedOn = imp;
        waiting++;
        cancelled = false;
        lendRightClick(imp);
        work.next(() -> answer(id, plane, prompt, choices));
    }

    private void answer(long id, Plane plane, Prompt prompt, Choices choices) {
        try {
            Segmenter.Scene scene = scenes.of(plane, choices.model, progress());
            Outline[] found = scene.segment(prompt, choices.options);
            EventQueue.invokeLater(() -> answered(new Proposal(id, plane, prompt, choices.model, found, 0)));
        } catch (RuntimeException | Error error) {
            fail(error);
            EventQueue.invokeLater(() -> {
                waiting--;
                lendRightClick(plane.imp);
            });
        }
    }

    private void answered(Proposal found) {
        waiting--;
        IJ.showProgress(1.0);
        take(found);
        lendRightClick(found.plane.imp);
    }

    private void take(Proposal found) {
        if (found.plane.imp.getWindow() == null && !found.plane.imp.isVisible()) {
            return;
        }
        if (found.candidates.length == 0 || found.outline().isEmpty()) {
            say("Nothing was found there. Try a box, or a point elsewhere.");
        } else if (found.id == lastAsked) {
            show(found);
            if (found.id == acceptAt) {
                accept();
            }
        } else if (Choices.get().addAtOnce) {
            // An older click, answered after a newer one.
            results.add(found.plane, found.outline(), found.prompt, found.model, found.chosen, Choices.get());
        } else {
            keep(found);
        }
    }

    private void show(Proposal proposal) {
        ImagePlus imp = proposal.plane.imp;
        shown = proposal;
        if (!Plane.shownKey(imp).equals(proposal.plane.key())) {
            imp.setSlice(proposal.plane.stackIndex);
        }
        Outline outline = proposal.outline();
        Roi roi = Rois.of(outline, Choices.get().simplify);
        Rois.describe(roi, outline, proposal.prompt, proposal.model, proposal.chosen);
        Rois.asProposal(roi);
        imp.setRoi(roi);
        lendRightClick(imp);
        String score = Double.isNaN(outline.score) ? "" : String.format(", score %.2f", outline.score);
        int many = proposal.candidates.length;
        String which = many > 1 ? String.format("Candidate %d of %d", proposal.chosen + 1, many) : "Object";
        IJ.showStatus(which + score + ". Enter keeps it, Esc drops it, Shift or Alt click refines it.");
    }

    private void keep(Proposal proposal) {
        dropped.push(proposal);
        if (dropped.size() > KEPT) {
            dropped.removeLast();
        }
    }

    private static void clear(ImagePlus imp) {
        if (Rois.isProposal(imp.getRoi())) {
            imp.deleteRoi();
        }
    }
}
