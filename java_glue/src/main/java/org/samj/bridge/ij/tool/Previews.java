package org.samj.bridge.ij.tool;

import ij.ImagePlus;
import ij.gui.Roi;
import java.awt.EventQueue;
import org.samj.bridge.Options;
import org.samj.bridge.Outline;
import org.samj.bridge.Prompt;
import org.samj.bridge.Segmenter;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.ij.images.Plane;
import org.samj.bridge.ij.results.Choices;
import org.samj.bridge.ij.results.Keeping;
import org.samj.bridge.ij.rois.Kinds;
import org.samj.bridge.ij.rois.Rois;
import org.samj.bridge.ij.work.Desk;
import org.samj.bridge.ij.work.Log;

/** What a click would give, while the mouse moves. On the event thread, but for the asking itself. */
final class Previews {

    private static final long EVERY_MS = 80;

    private final Desk desk;
    private final Showing showing;
    private final Accepting accepting;
    /** On a large image what lies under the mouse may have to be encoded: a click is not kept waiting for that. */
    private final Segmenter.Progress whileIdle = new Segmenter.Progress() {
        @Override
        public void tell(String message, double fraction) {
        }

        @Override
        public boolean isCancelled() {
            return desk.work.isAwaited();
        }
    };

    Previews(Desk desk, Showing showing, Accepting accepting) {
        this.desk = desk;
        this.showing = showing;
        this.accepting = accepting;
    }

    /** Show what a click here would give, where nothing else is shown; at most so often, and never before a click. */
    void preview(OnImage on, int x, int y) {
        long now = System.currentTimeMillis();
        if (!Choices.get().preview || on.isBusy() || on.previewing || !isFree(on.imp)
                || now - on.lastPreview < EVERY_MS) {
            return;
        }
        on.lastPreview = now;
        on.previewing = true;
        long then = on.lastAsked;
        Choices choices = Choices.get();
        Plane plane = Plane.named(on.imp);
        Prompt prompt = Prompt.ofPoint(x, y);
        Options options = choices.options.withCandidates(1);
        desk.work.later(() -> {
            Outline[] found = new Outline[0];
            try {
                // An image that nobody clicked on yet is not encoded for a moving mouse.
                Segmenter.Scene scene = desk.scenes.known(plane, choices.model);
                found = scene == null ? found : scene.segment(prompt, options, whileIdle);
            } catch (RuntimeException | Error error) {
                if (!SegmenterException.of(error).code().equals("cancelled")) {
                    Log.add(error);
                }
            }
            Proposal made = new Proposal(then, -1, plane, prompt, choices.model, found, 0);
            EventQueue.invokeLater(() -> desk.talk.guarded(() -> previewed(on, made)));
        });
    }

    /** Take a preview off an image. */
    void end(OnImage on) {
        if (on.preview != null) {
            on.preview = null;
            showing.clear(on);
        }
    }

    /** Keep what is previewed, as if it had been clicked on. Returns whether there was anything. */
    boolean accept(OnImage on) {
        if (on.preview == null || on.isBusy() || !Kinds.isOurs(on.imp.getRoi())) {
            return false;
        }
        on.change(on.preview);
        on.preview = null;
        accepting.accept(on);
        return true;
    }

    private void previewed(OnImage on, Proposal made) {
        on.previewing = false;
        if (on.closed || on.lastAsked != made.id || on.isBusy() || !isFree(on.imp)
                || !Plane.shownKey(on.imp).equals(made.plane.key())) {
            return;
        }
        if (made.candidates.length == 0 || made.outline().isEmpty()) {
            end(on);
            return;
        }
        Roi roi = Rois.of(made.outline(), Choices.get().simplify);
        Kinds.mark(roi, Kinds.PREVIEW);
        on.imp.setRoi(roi);
        on.preview = made;
    }

    /** Whether the image has no selection of the user's, which a preview would take away. */
    private static boolean isFree(ImagePlus imp) {
        return imp.getRoi() == null || Kinds.isOurs(imp.getRoi()) || Keeping.isLeft(imp);
    }
}
