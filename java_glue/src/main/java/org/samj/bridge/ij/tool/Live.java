package org.samj.bridge.ij.tool;

import ij.ImagePlus;
import ij.WindowManager;
import ij.gui.Toolbar;
import java.util.HashMap;
import java.util.Map;
import org.samj.bridge.Prompt;
import org.samj.bridge.ij.results.Choices;
import org.samj.bridge.ij.work.Desk;
import org.samj.bridge.ij.work.Gestures;
import org.samj.bridge.ij.work.Work;

/**
 * Prompts in, proposals on the image, accepted objects in the ROI Manager: everything that a mouse, a key or a button
 * can ask for. How far it is on an image: a {@link Previews preview}, a prompt {@link Asking on its way}, a proposal
 * that is {@link Showing shown}, an object that is {@link Accepting accepted}.
 *
 * <p>Its state belongs to the event thread, which only leaves jobs with {@link Work}; what they find comes back by
 * {@code invokeLater}.
 */
public final class Live implements Gestures {

    final Desk desk;
    private final Map<ImagePlus, OnImage> images = new HashMap<>();
    private final Showing showing;
    private final Accepting accepting;
    private final Asking asking;
    private final Previews previews;

    /** For the images of one ImageJ. */
    public Live(Desk desk) {
        this.desk = desk;
        this.showing = new Showing(desk.talk);
        this.accepting = new Accepting(desk, showing);
        this.asking = new Asking(desk, showing, accepting);
        this.previews = new Previews(desk, showing, accepting);
    }

    /** The object that is shown on an image and not accepted yet; null: none. */
    Proposal shown(ImagePlus imp) {
        OnImage on = images.get(imp);
        return on == null ? null : on.shown;
    }

    /** Whether an object is shown on an image, or on its way. */
    boolean isBusyWith(ImagePlus imp) {
        OnImage on = images.get(imp);
        if (on == null) {
            return false;
        }
        if (on.shown != null && on.waiting == 0 && !on.shownIsOn()) {
            // The user drew something else since, or changed what was shown: that is hers, and her keys mean it.
            showing.release(on);
        }
        return on.isBusy();
    }

    /** Point at a new object. What was shown before can be had back by undo. */
    void point(ImagePlus imp, Prompt prompt) {
        OnImage on = on(imp);
        if (on.shown != null && on.asked == null && Choices.get().addAtOnce) {
            accepting.accept(on);
        }
        asking.ask(on, prompt, 0);
    }

    /** Say more of the object that is shown: another point inside or outside. Starts one where none is shown. */
    void refine(ImagePlus imp, double x, double y, boolean inside) {
        OnImage on = on(imp);
        if (on.asked != null) {
            // The answer is still on its way: what was said so far counts, without its outline.
            asking.ask(on, on.asked.with(x, y, inside, on.asked.mask), 0);
        } else if (on.shown != null) {
            asking.ask(on, on.shown.prompt.with(x, y, inside, on.shown.outline()), on.shown.object);
        } else if (inside) {
            asking.ask(on, Prompt.ofPoint(x, y), 0);
        } else {
            desk.talk.say("A point outside needs an object: click on the object first.");
        }
    }

    @Override
    public void takeTool() {
        Toolbar.getInstance().setTool(SamjTool.NAME);
    }

    @Override
    public boolean isToolTaken() {
        return Toolbar.getPlugInTool() instanceof SamjTool;
    }

    @Override
    public State state(ImagePlus imp) {
        OnImage on = images.get(imp);
        if (on == null || !on.isBusy()) {
            return State.FREE;
        }
        // Nothing is changed by a look: whoever takes a selection off for a moment puts it back.
        return on.waiting > 0 ? State.ASKED : on.shownIsOn() ? State.SHOWN : State.FREE;
    }

    @Override
    public void again() {
        if (!asking.again()) {
            desk.talk.say("Click on the object again.");
        }
    }

    @Override
    public void accept() {
        ImagePlus imp = WindowManager.getCurrentImage();
        if (imp == null || !isBusyWith(imp) && on(imp).preview == null) {
            desk.talk.say("No object is shown: click on one, with the SAMJ tool in the toolbar.");
            return;
        }
        accept(imp);
    }

    /** Put the object that is shown into the ROI Manager; one that is still on its way as soon as it is there. */
    void accept(ImagePlus imp) {
        accepting.accept(on(imp));
    }

    /** Take what is shown off an image. Undo brings it back. */
    void drop(ImagePlus imp) {
        OnImage on = on(imp);
        // What is on its way comes too late then, and is kept for undo.
        on.lastAsked++;
        on.asked = null;
        if (on.shown != null) {
            on.change(null);
            showing.clear(on);
            desk.talk.say("Dropped. " + Keys.undoKey() + " brings it back.");
        } else {
            showing.clear(on);
        }
        showing.lendRightClick(on);
    }

    /** Show another candidate. Returns whether there was one to show. */
    boolean choose(ImagePlus imp, int index) {
        OnImage on = on(imp);
        if (on.shown == null) {
            return false;
        }
        Proposal other = on.shown.choose(index);
        if (other == on.shown) {
            return index == on.shown.chosen;
        }
        on.shown = other;
        showing.draw(on);
        return true;
    }

    /** Show the next candidate, or the one before. */
    boolean turn(ImagePlus imp, int steps) {
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
    boolean undo(ImagePlus imp) {
        OnImage on = on(imp);
        if (on.newestDone() > desk.results.newestDone()) {
            on.undo();
            showing.redraw(on);
            return true;
        }
        String what = desk.results.undo(imp);
        if (what != null) {
            desk.talk.say(what);
        }
        return what != null;
    }

    /** Do again what undo took back. Returns whether there was anything. */
    boolean redo(ImagePlus imp) {
        OnImage on = on(imp);
        if (on.newestUndone() > desk.results.newestUndone()) {
            on.redo();
            showing.redraw(on);
            return true;
        }
        String what = desk.results.redo(imp);
        if (what != null) {
            desk.talk.say(what);
        }
        return what != null;
    }

    /** Show what a click here would give, where nothing else is shown. */
    void preview(ImagePlus imp, int x, int y) {
        previews.preview(on(imp), x, y);
    }

    /** Take a preview off an image, because the mouse left it. */
    void endPreview(ImagePlus imp) {
        OnImage on = images.get(imp);
        if (on != null) {
            previews.end(on);
        }
    }

    /** Keep what is previewed, as if it had been clicked on. Returns whether there was anything. */
    boolean acceptPreview(ImagePlus imp) {
        OnImage on = images.get(imp);
        return on != null && previews.accept(on);
    }

    /** An image was closed: stop what is done for it, and free what belongs to it. */
    void forget(ImagePlus imp) {
        OnImage on = images.remove(imp);
        if (on != null) {
            on.closed = true;
        }
        desk.work.later(() -> desk.scenes.forget(imp));
    }

    /** Take the proposal off the image, because the user turned to another plane. */
    void leave(ImagePlus imp) {
        OnImage on = on(imp);
        on.preview = null;
        if (on.shown != null) {
            on.change(null);
        }
        showing.clear(on);
        showing.lendRightClick(on);
    }

    private OnImage on(ImagePlus imp) {
        return images.computeIfAbsent(imp, OnImage::new);
    }
}
