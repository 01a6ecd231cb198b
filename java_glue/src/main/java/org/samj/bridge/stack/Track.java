package org.samj.bridge.stack;

import org.samj.bridge.Outline;
import org.samj.bridge.Prompt;
import org.samj.bridge.Segmenter;
import org.samj.bridge.Step;

/** An object on its walk: where it was last, how it moves, how long it has been lost. */
final class Track {

    /** How much of the motion so far is kept at each plane. */
    private static final double SMOOTH = 0.5;
    /** How much a box is grown on each side, as a part of its own. */
    private static final double GROWN = 0.05;

    final Walk walk;
    boolean givenUp;
    private final boolean moves;
    private Outline outline;
    private Mask good;
    private double[] centre;
    private final double[] motion = new double[2];
    private int at;
    private int lost;

    /** One that begins where it was given; `moves`: whether it is expected to go on moving as it did. */
    Track(Walk walk, Outline outline, boolean moves) {
        this.walk = walk;
        this.moves = moves;
        this.outline = outline;
        this.good = Mask.of(outline);
        this.centre = good.centre();
        this.at = walk.begin;
        // From nothing there is nothing to follow.
        this.givenUp = good.isEmpty();
    }

    private int expected(int axis, int plane) {
        return (int) Math.rint(motion[axis] * Math.abs(plane - at));
    }

    /** The prompt that it becomes on a plane; null: it has moved out of the image. */
    Prompt prompt(int plane, Segmenter.Scene scene, int width, int height) {
        Mask there = good.moved(expected(0, plane), expected(1, plane), width, height);
        if (there.isEmpty()) {
            return null;
        }
        boolean points = scene.takes("points");
        if (moves || !points && !scene.takes("mask")) {
            double dx = moves ? GROWN * there.width : 0;
            double dy = moves ? GROWN * there.height : 0;
            return Prompt.ofBox(Math.max(0, there.x - dx), Math.max(0, there.y - dy),
                Math.min(width, there.x + there.width + dx), Math.min(height, there.y + there.height + dy));
        }
        int[] inner = points ? there.innermost() : null;
        double[] point = points ? new double[] {inner[0], inner[1]} : null;
        if (scene.takes("mask")) {
            return new Prompt(null, point, null, outline);
        }
        return new Prompt(new double[] {there.x, there.y, there.x + there.width, there.y + there.height}, point, null, null);
    }

    /** Judge what was found on a plane, and remember it if it is the object. */
    Step step(int plane, Outline found) {
        Mask mask = Mask.of(found);
        double iou = mask.isEmpty() ? 0 : mask.iou(good, expected(0, plane), expected(1, plane));
        String why = Rules.whyLost(found, mask, good, iou);
        if (!why.isEmpty()) {
            lost++;
            givenUp = lost > Rules.PATIENCE;
            return new Step(plane, walk.object, new Outline(new int[0][], found.score), Step.LOST, iou, why);
        }
        String state = lost > 0 ? Step.REAPPEARED : Step.FOLLOWED;
        lost = 0;
        double[] now = mask.centre();
        for (int axis = 0; moves && axis < 2; axis++) {
            double shift = (now[axis] - centre[axis]) / Math.abs(plane - at);
            // The first shift is all that is known; later ones are smoothed.
            double kept = at == walk.begin ? 0 : SMOOTH;
            motion[axis] = kept * motion[axis] + (1 - kept) * shift;
        }
        outline = found;
        good = mask;
        centre = now;
        at = plane;
        return new Step(plane, walk.object, found, state, iou, "");
    }
}
