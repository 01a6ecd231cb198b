package org.samj.bridge.ij.tool;

import ij.IJ;
import ij.ImagePlus;
import ij.WindowManager;
import ij.gui.Roi;
import java.awt.EventQueue;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.samj.bridge.Options;
import org.samj.bridge.Outline;
import org.samj.bridge.Prompt;
import org.samj.bridge.Segmenter;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.ij.images.Plane;
import org.samj.bridge.ij.images.Scenes;
import org.samj.bridge.ij.macros.Recording;
import org.samj.bridge.ij.results.Choices;
import org.samj.bridge.ij.results.Results;
import org.samj.bridge.ij.rois.Kinds;
import org.samj.bridge.ij.rois.Rois;
import org.samj.bridge.ij.work.Log;
import org.samj.bridge.ij.work.Work;

/**
 * Prompts in, proposals on the image, accepted objects in the ROI Manager.
 *
 * <p>Its state belongs to the event thread, which only leaves jobs with {@link Work}; what they find comes back by
 * {@code invokeLater}.
 */
public final class Live {

    private static final long PREVIEW_MS = 80;

    public final Work work;
    public final Scenes scenes;
    public final Results results = new Results();
    private final Map<ImagePlus, OnImage> images = new HashMap<>();
    private Consumer<String> teller = message -> { };
    private volatile boolean cancelled;

    public Live(Segmenter segmenter, Work work) {
        this.work = work;
        this.scenes = new Scenes(segmenter);
    }

    /** Whoever shows messages, such as the panel. */
    public void tellTo(Consumer<String> newTeller) {
        teller = newTeller;
    }

    /** The object that is shown on an image and not accepted yet; null: none. */
    public Proposal shown(ImagePlus imp) {
        OnImage on = images.get(imp);
        return on == null ? null : on.shown;
    }

    /** Point at a new object. What was shown before can be had back by undo. */
    public void point(ImagePlus imp, Prompt prompt) {
        OnImage on = on(imp);
        if (on.shown != null && on.asked == null && Choices.get().addAtOnce) {
            accept(imp);
        }
        ask(imp, prompt, 0);
    }

    /** Say more of the object that is shown: another point inside or outside. Starts one where none is shown. */
    public void refine(ImagePlus imp, double x, double y, boolean inside) {
        OnImage on = on(imp);
        if (on.asked != null) {
            // The answer is still on its way: what was said so far counts, without its outline.
            ask(imp, on.asked.with(x, y, inside, on.asked.mask), 0);
        } else if (on.shown != null) {
            ask(imp, on.shown.prompt.with(x, y, inside, on.shown.outline()), on.shown.object);
        } else if (inside) {
            ask(imp, Prompt.ofPoint(x, y), 0);
        } else {
            say("A point outside needs an object: click on the object first.");
        }
    }

    /** Whether an object is shown on an image, or on its way. */
    public boolean isBusyWith(ImagePlus imp) {
        OnImage on = images.get(imp);
        if (on == null) {
            return false;
        }
        if (on.shown != null && on.waiting == 0 && !on.shownIsOn(imp)) {
            // The user drew something else since, or changed what was shown: that is hers, and her keys mean it.
            release(imp, on);
        }
        return on.isBusy();
    }

    /** Put the object that is shown on the current image into the ROI Manager. */
    public void accept() {
        ImagePlus imp = WindowManager.getCurrentImage();
        if (imp == null || !isBusyWith(imp) && on(imp).preview == null) {
            say("No object is shown: click on one, with the SAMJ tool in the toolbar.");
            return;
        }
        accept(imp);
    }

    /** Put the object that is shown into the ROI Manager; one that is still on its way as soon as it is there. */
    public void accept(ImagePlus imp) {
        OnImage on = on(imp);
        if (on.asked != null) {
            on.acceptAt = on.lastAsked;
            return;
        }
        if (on.shown == null) {
            return;
        }
        Proposal taken = on.accepted();
        lendRightClick(imp);
        clear(imp);
        Roi roi = results.add(taken.plane, taken.outline(), taken.prompt, taken.model, taken.chosen, Choices.get());
        Recording.segment(taken, Choices.get());
        say(roi.getName() + " is in the ROI Manager.");
    }

    /** Take what is shown off an image. Undo brings it back. */
    public void drop(ImagePlus imp) {
        OnImage on = on(imp);
        // What is on its way comes too late then, and is kept for undo.
        on.lastAsked++;
        on.asked = null;
        if (on.shown != null) {
            on.change(null);
            clear(imp);
            say("Dropped. " + Keys.undoKey() + " brings it back.");
        }
        lendRightClick(imp);
    }

    /** Show another candidate. Returns whether there was one to show. */
    public boolean choose(ImagePlus imp, int index) {
        OnImage on = on(imp);
        if (on.shown == null) {
            return false;
        }
        Proposal other = on.shown.choose(index);
        if (other == on.shown) {
            return index == on.shown.chosen;
        }
        on.shown = other;
        draw(on);
        return true;
    }

    /** Show the next candidate, or the one before. */
    public boolean turn(ImagePlus imp, int steps) {
        Proposal shown = on(imp).shown;
        if (shown == null || shown.candidates.length < 2) {
            return false;
        }
        return choose(imp, Math.floorMod(shown.chosen + steps, shown.candidates.length));
    }

    /**
     * Take back what was done last: a proposal on this image that was made, refined, replaced or dropped, or an object
     * that went into the ROI Manager. Returns whether there was anything.
     */
    public boolean undo(ImagePlus imp) {
        OnImage on = on(imp);
        if (on.newestDone() > results.newestDone()) {
            on.undo();
            redraw(imp, on);
            return true;
        }
        Roi roi = results.undo();
        if (roi != null) {
            say(roi.getName() + " was taken out of the ROI Manager.");
        }
        return roi != null;
    }

    /** Do again what undo took back. Returns whether there was anything. */
    public boolean redo(ImagePlus imp) {
        OnImage on = on(imp);
        if (on.newestUndone() > results.newestUndone()) {
            on.redo();
            redraw(imp, on);
            return true;
        }
        Roi roi = results.redo(imp);
        if (roi != null) {
            say(roi.getName() + " is in the ROI Manager again.");
        }
        return roi != null;
    }

    /** Show what a click here would give, where nothing else is shown; at most so often, and never before a click. */
    public void preview(ImagePlus imp, int x, int y) {
        OnImage on = on(imp);
        long now = System.currentTimeMillis();
        boolean free = imp.getRoi() == null || Kinds.isOurs(imp.getRoi());
        if (!Choices.get().preview || on.isBusy() || on.previewing || !free || now - on.lastPreview < PREVIEW_MS) {
            return;
        }
        on.lastPreview = now;
        on.previewing = true;
        long then = on.lastAsked;
        Choices choices = Choices.get();
        Plane plane = Plane.named(imp);
        Prompt prompt = Prompt.ofPoint(x, y);
        Options own = choices.options;
        Options options = new Options(1, own.minArea, own.fillHoles, own.largestOnly);
        work.later(() -> {
            Outline[] found = new Outline[0];
            try {
                // An image that nobody clicked on yet is not encoded for a moving mouse.
                Segmenter.Scene scene = scenes.known(plane, choices.model);
                found = scene == null ? found : scene.segment(prompt, options);
            } catch (RuntimeException | Error error) {
                Log.add(error);
            }
            Proposal made = new Proposal(then, -1, plane, prompt, choices.model, found, 0);
            EventQueue.invokeLater(() -> previewed(imp, on, made));
        });
    }

    /** Take a preview off an image, because the mouse left it. */
    public void endPreview(ImagePlus imp) {
        OnImage on = images.get(imp);
        if (on != null && on.preview != null) {
            on.preview = null;
            clear(imp);
        }
    }

    /** Keep what is previewed, as if it had been clicked on. Returns whether there was anything. */
    public boolean acceptPreview(ImagePlus imp) {
        OnImage on = images.get(imp);
        if (on == null || on.preview == null || on.isBusy() || !Kinds.isOurs(imp.getRoi())) {
            return false;
        }
        on.change(on.preview);
        on.preview = null;
        accept(imp);
        return true;
    }

    /** Stop what is being done. */
    public void cancel() {
        cancelled = true;
    }

    /** An image was closed: stop what is done for it, and free what belongs to it. */
    public void forget(ImagePlus imp) {
        OnImage on = images.remove(imp);
        if (on != null) {
            on.closed = true;
        }
        work.later(() -> scenes.forget(imp));
    }

    /** Take the proposal off the image, because the user turned to another plane. */
    public void leave(ImagePlus imp) {
        OnImage on = on(imp);
        on.preview = null;
        if (on.shown != null) {
            on.change(null);
        }
        clear(imp);
        lendRightClick(imp);
    }

    public void say(String message) {
        IJ.showStatus(message);
        Log.add(message);
        teller.accept(message);
    }

    /** Progress to the status bar and to whoever listens. */
    public Segmenter.Progress progress() {
        return progress(new OnImage());
    }

    private Segmenter.Progress progress(OnImage on) {
        cancelled = false;
        return new Segmenter.Progress() {
            @Override
            public void tell(String message, double fraction) {
                EventQueue.invokeLater(() -> {
                    if (fraction < 0) {
                        say(message);
                        return;
                    }
                    IJ.showStatus(message);
                    IJ.showProgress(fraction);
                    teller.accept(message);
                });
            }

            @Override
            public boolean isCancelled() {
                return cancelled || on.closed;
            }
        };
    }

    /** Show an error in words. From any thread. */
    public void fail(Throwable error) {
        SegmenterException told = SegmenterException.of(error);
        Log.add(error);
        EventQueue.invokeLater(() -> {
            IJ.showProgress(1.0);
            say(told.sentence());
        });
    }

    private OnImage on(ImagePlus imp) {
        return images.computeIfAbsent(imp, image -> new OnImage());
    }

    private void ask(ImagePlus imp, Prompt prompt, long object) {
        OnImage on = on(imp);
        Choices choices = Choices.get();
        Plane plane = Plane.shown(imp);
        String title = imp.getTitle();
        long id = ++on.lastAsked;
        on.preview = null;
        on.asked = prompt;
        on.waiting++;
        cancelled = false;
        lendRightClick(imp);
        work.next(() -> {
            Proposal found = null;
            try {
                Segmenter.Scene scene = scenes.of(plane, choices.model, progress(on));
                Outline[] outlines = scene.segment(prompt, choices.options);
                found = new Proposal(id, object == 0 ? id : object, plane, prompt, choices.model, outlines, 0);
            } catch (RuntimeException | Error error) {
                if (on.closed) {
                    // No error of anybody's: the answer is not wanted any more.
                    EventQueue.invokeLater(() -> say(title + " was closed; nothing more is done for it."));
                } else {
                    fail(error);
                }
            }
            Proposal answer = found;
            EventQueue.invokeLater(() -> answered(imp, on, id, answer));
        });
    }

    private void answered(ImagePlus imp, OnImage on, long id, Proposal found) {
        IJ.showProgress(1.0);
        if (on.closed) {
            return;
        }
        on.waiting--;
        boolean newest = id == on.lastAsked;
        if (newest) {
            on.asked = null;
        }
        if (found != null) {
            take(imp, on, found, newest);
        }
        if (newest && on.acceptAt != id) {
            on.acceptAt = -1;
        }
        lendRightClick(imp);
    }

    private void take(ImagePlus imp, OnImage on, Proposal found, boolean newest) {
        if (found.candidates.length == 0 || found.outline().isEmpty()) {
            say("Nothing was found there. Try a box, or a point elsewhere.");
        } else if (newest) {
            on.change(found);
            draw(on);
            if (found.id == on.acceptAt) {
                accept(imp);
            }
        } else if (Choices.get().addAtOnce) {
            // An older click, answered after a newer one.
            results.add(found.plane, found.outline(), found.prompt, found.model, found.chosen, Choices.get());
        } else {
            on.note(found);
        }
    }

    private void previewed(ImagePlus imp, OnImage on, Proposal made) {
        on.previewing = false;
        boolean free = imp.getRoi() == null || Kinds.isOurs(imp.getRoi());
        if (on.closed || on.lastAsked != made.id || on.isBusy() || !free
                || !Plane.shownKey(imp).equals(made.plane.key())) {
            return;
        }
        if (made.candidates.length == 0 || made.outline().isEmpty()) {
            endPreview(imp);
            return;
        }
        Roi roi = Rois.of(made.outline(), Choices.get().simplify);
        Kinds.mark(roi, Kinds.PREVIEW);
        imp.setRoi(roi);
        on.preview = made;
    }

    /** Show what {@link OnImage#shown} is now. */
    private void redraw(ImagePlus imp, OnImage on) {
        if (on.shown != null) {
            draw(on);
        } else {
            clear(imp);
        }
        lendRightClick(imp);
    }

    private void draw(OnImage on) {
        Proposal proposal = on.shown;
        ImagePlus imp = proposal.plane.imp;
        if (!Plane.shownKey(imp).equals(proposal.plane.key())) {
            imp.setSlice(proposal.plane.stackIndex);
        }
        Outline outline = proposal.outline();
        Roi roi = Rois.of(outline, Choices.get().simplify);
        Rois.describe(roi, outline, proposal.prompt, proposal.model, proposal.chosen);
        Rois.asProposal(roi);
        imp.setRoi(roi);
        on.drawn(imp);
        lendRightClick(imp);
        String score = Double.isNaN(outline.score) ? "" : String.format(", score %.2f", outline.score);
        int many = proposal.candidates.length;
        String which = many > 1 ? String.format("Candidate %d of %d", proposal.chosen + 1, many) : "Object";
        String text = which + score + ". Enter keeps it, Esc drops it, Shift or Alt click refines it.";
        IJ.showStatus(text);
        teller.accept(text);
    }

    /** Leave what the user made of the selection to her. */
    private void release(ImagePlus imp, OnImage on) {
        on.change(null);
        if (Kinds.isOurs(imp.getRoi())) {
            Kinds.mark(imp.getRoi(), null);
        }
        lendRightClick(imp);
    }

    /** Right clicks mean "not this" while an object is shown; at any other time they open ImageJ's own menu. */
    private void lendRightClick(ImagePlus imp) {
        if (imp.getCanvas() != null) {
            imp.getCanvas().disablePopupMenu(on(imp).isBusy());
        }
    }

    private static void clear(ImagePlus imp) {
        if (Kinds.isOurs(imp.getRoi())) {
            imp.deleteRoi();
        }
    }
}
