package org.samj.bridge.ij.tool;

import ij.ImagePlus;
import ij.gui.Roi;
import org.samj.bridge.Outline;
import org.samj.bridge.ij.images.Plane;
import org.samj.bridge.ij.results.Choices;
import org.samj.bridge.ij.rois.Kinds;
import org.samj.bridge.ij.rois.Rois;
import org.samj.bridge.ij.work.Talk;

/** A proposal as the selection of its image, and what clicks mean while it is there. On the event thread. */
final class Showing {

    private final Talk talk;

    Showing(Talk talk) {
        this.talk = talk;
    }

    /** Show what {@link OnImage#shown} is now. */
    void redraw(OnImage on) {
        if (on.shown != null) {
            draw(on);
        } else {
            clear(on);
        }
        lendRightClick(on);
    }

    /** Show the proposal, on its plane. */
    void draw(OnImage on) {
        Proposal proposal = on.shown;
        ImagePlus imp = on.imp;
        if (!Plane.shownKey(imp).equals(proposal.plane.key())) {
            imp.setSlice(proposal.plane.stackIndex);
        }
        Outline outline = proposal.outline();
        Roi roi = Rois.of(outline, Choices.get().simplify);
        Rois.describe(roi, outline, proposal.prompt, proposal.model, proposal.chosen);
        Rois.asProposal(roi);
        imp.setRoi(roi);
        on.drawn();
        lendRightClick(on);
        String score = Double.isNaN(outline.score) ? "" : String.format(", score %.2f", outline.score);
        int many = proposal.candidates.length;
        String which = many > 1 ? String.format("Candidate %d of %d", proposal.chosen + 1, many) : "Object";
        talk.show(which + score + ". Enter keeps it, Esc drops it, Shift or Alt click refines it.");
    }

    /** Leave what the user made of the selection to her. */
    void release(OnImage on) {
        on.change(null);
        if (Kinds.isOurs(on.imp.getRoi())) {
            Kinds.mark(on.imp.getRoi(), null);
        }
        lendRightClick(on);
    }

    /** Right clicks mean "not this" while an object is shown; at any other time they open ImageJ's own menu. */
    void lendRightClick(OnImage on) {
        if (on.imp.getCanvas() != null) {
            on.imp.getCanvas().disablePopupMenu(on.isBusy());
        }
    }

    /** Take the selection off, if it is one of ours. */
    void clear(OnImage on) {
        if (Kinds.isOurs(on.imp.getRoi())) {
            on.imp.deleteRoi();
        }
    }
}
