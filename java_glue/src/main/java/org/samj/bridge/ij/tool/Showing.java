package org.samj.bridge.ij.tool;

import ij.ImagePlus;
import ij.gui.Roi;
import org.samj.bridge.Outline;
import org.samj.bridge.Prompt;
import org.samj.bridge.ij.images.Plane;
import org.samj.bridge.ij.results.Choices;
import org.samj.bridge.ij.results.Doubt;
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
        // What is asked for next is drawn on the outline that it refines.
        on.marks = on.asked == null ? new Marks(proposal.prompt) : on.marks;
        Roi roi = Marked.of(Rois.of(outline, Choices.get().simplify), on.marks);
        Rois.describe(roi, outline, proposal.prompt, proposal.model, proposal.chosen);
        Rois.asProposal(roi);
        Doubt.draw(roi);
        imp.setRoi(roi);
        on.drawn();
        lendRightClick(on);
        String score = Double.isNaN(outline.score) ? "" : String.format(", score %.2f", outline.score);
        int many = proposal.candidates.length;
        String which = many > 1 ? String.format("Candidate %d of %d", proposal.chosen + 1, many) : "Object";
        talk.show(which + score + ". Enter keeps, Esc drops, Shift/Alt refine it.");
    }

    /** Show a prompt as long as its answer is on its way, where the user has no selection of her own. */
    void ask(OnImage on, Prompt prompt) {
        Roi now = on.imp.getRoi();
        on.marks = new Marks(prompt);
        on.marks.words = "...";
        if (on.shown != null && now instanceof Marked) {
            ((Marked) now).mark(on.marks);
            on.imp.draw();
        } else if (now == null || Kinds.isOurs(now)) {
            // Listeners of other plugins hear of it: what they throw must not keep the prompt from being asked.
            talk.guarded(() -> on.imp.setRoi(Marked.asked(on.marks)));
        }
    }

    /** Say at the object how far its answer is. */
    void tell(OnImage on, Prompt prompt, String words, double fraction) {
        if (on.asked == prompt && on.marks != null) {
            on.marks.words = fraction < 0 ? words : words + String.format("  %.0f %%", 100 * fraction);
            on.imp.draw();
        }
    }

    /** Frame the part of the image that is being encoded for a prompt; null: none any more. */
    void at(OnImage on, Prompt prompt, int[] area) {
        if (on.asked == prompt && on.marks != null) {
            on.marks.area = area;
            on.imp.draw();
        }
    }

    /** No answer came, or none that is shown: what was shown before is shown again. */
    void endAsking(OnImage on) {
        if (on.shown != null && on.imp.getRoi() instanceof Marked) {
            on.marks = new Marks(on.shown.prompt);
            ((Marked) on.imp.getRoi()).mark(on.marks);
            on.imp.draw();
        } else if (on.imp.getRoi() instanceof Marked.Asked) {
            talk.guarded(on.imp::deleteRoi);
        }
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
