package org.samj.bridge.ij.tool;

import ij.gui.Roi;
import org.samj.bridge.ij.macros.Recording;
import org.samj.bridge.ij.results.Choices;
import org.samj.bridge.ij.work.Desk;

/** A proposal becomes an object: in the ROI Manager, and as a line of the recorder's. On the event thread. */
final class Accepting {

    private final Desk desk;
    private final Showing showing;

    Accepting(Desk desk, Showing showing) {
        this.desk = desk;
        this.showing = showing;
    }

    /** Accept what is shown; what is still on its way as soon as it is there. */
    void accept(OnImage on) {
        if (on.asked != null) {
            on.acceptAt = on.lastAsked;
            return;
        }
        if (on.shown == null) {
            return;
        }
        Proposal taken = on.accepted();
        showing.lendRightClick(on);
        showing.clear(on);
        Roi roi = add(taken);
        Recording.segment(taken.prompt, taken.model, taken.chosen, Choices.get());
        desk.talk.say(roi.getName() + " is in the ROI Manager.");
    }

    /** Accept one that another took the place of before its answer came. */
    Roi add(Proposal taken) {
        return desk.results.add(taken.plane, taken.outline(), taken.prompt, taken.model, taken.chosen, Choices.get());
    }
}
