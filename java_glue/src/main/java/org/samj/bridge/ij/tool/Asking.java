package org.samj.bridge.ij.tool;

import ij.IJ;
import java.awt.EventQueue;
import org.samj.bridge.Outline;
import org.samj.bridge.Prompt;
import org.samj.bridge.Segmenter;
import org.samj.bridge.ij.images.Plane;
import org.samj.bridge.ij.results.Choices;
import org.samj.bridge.ij.work.Desk;

/** Prompts on their way to the segmenter, and their answers. On the event thread, but for the asking itself. */
final class Asking {

    private final Desk desk;
    private final Showing showing;
    private final Accepting accepting;
    private OnImage lastOn;
    private Prompt lastPrompt;
    private long lastObject;

    Asking(Desk desk, Showing showing, Accepting accepting) {
        this.desk = desk;
        this.showing = showing;
        this.accepting = accepting;
    }

    /** Ask for the object that a prompt means; `object` is the number of the one that it refines, 0: a new one. */
    void ask(OnImage on, Prompt prompt, long object) {
        Choices choices = Choices.get();
        Plane plane = Plane.shown(on.imp);
        String title = on.imp.getTitle();
        long id = ++on.lastAsked;
        on.preview = null;
        on.asked = prompt;
        on.waiting++;
        lastOn = on;
        lastPrompt = prompt;
        lastObject = object;
        desk.talk.goOn();
        showing.ask(on, prompt);
        showing.lendRightClick(on);
        desk.work.next(() -> {
            Proposal found = null;
            try {
                Segmenter.Progress progress = progress(on, prompt);
                Segmenter.Scene scene = desk.scenes.of(plane, choices.model, progress);
                Outline[] outlines = scene.segment(prompt, choices.options, progress);
                found = new Proposal(id, object == 0 ? id : object, plane, prompt, choices.model, outlines, 0);
            } catch (RuntimeException | Error error) {
                if (on.closed) {
                    // No error of anybody's: the answer is not wanted any more.
                    EventQueue.invokeLater(() -> desk.talk.say(title + " was closed; nothing more is done for it."));
                } else {
                    desk.talk.fail(error);
                }
            }
            Proposal answer = found;
            EventQueue.invokeLater(() -> answered(on, id, answer));
        });
    }

    /** Ask the newest question once more. Returns whether there is one whose image is still there. */
    boolean again() {
        if (lastOn == null || lastOn.closed) {
            return false;
        }
        ask(lastOn, lastPrompt, lastObject);
        return true;
    }

    /** Where the eye is: in the status bar, and at the object. */
    private Segmenter.Progress progress(OnImage on, Prompt prompt) {
        Segmenter.Progress told = desk.talk.progress(() -> on.closed);
        return new Segmenter.Progress() {
            @Override
            public void tell(String message, double fraction) {
                told.tell(message, fraction);
                EventQueue.invokeLater(() -> showing.tell(on, prompt, message, fraction));
            }

            @Override
            public void at(int[] area) {
                EventQueue.invokeLater(() -> showing.at(on, prompt, area));
            }

            @Override
            public boolean isCancelled() {
                return told.isCancelled();
            }
        };
    }

    private void answered(OnImage on, long id, Proposal found) {
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
            // Listeners of other plugins hear of the selection too: what they throw must not leave this half-done.
            desk.talk.guarded(() -> take(on, found, newest));
        }
        if (newest && (found == null || on.shown == null || on.shown.id != id)) {
            showing.endAsking(on);
        }
        if (newest && on.acceptAt != id) {
            on.acceptAt = -1;
        }
        showing.lendRightClick(on);
    }

    private void take(OnImage on, Proposal found, boolean newest) {
        if (found.candidates.length == 0 || found.outline().isEmpty()) {
            desk.talk.say("Nothing was found there. Try a box, or a point elsewhere.");
        } else if (newest) {
            on.change(found);
            showing.draw(on);
            if (found.id == on.acceptAt) {
                accepting.accept(on);
            }
        } else if (Choices.get().addAtOnce) {
            // An older click, answered after a newer one.
            accepting.add(found);
        } else {
            on.note(found);
        }
    }
}
