package org.samj.bridge.ij.tool;

import org.samj.bridge.Outline;
import org.samj.bridge.Prompt;
import org.samj.bridge.ij.images.Plane;

/** An object that is not accepted yet: what was pointed at, and the candidates for it. */
final class Proposal {

    /** Number of the prompt. */
    final long id;
    /** Number of the prompt that the object began with: what refines it has another number, but is the same object. */
    final long object;
    final Plane plane;
    final Prompt prompt;
    final String model;
    final Outline[] candidates;
    final int chosen;

    Proposal(long id, long object, Plane plane, Prompt prompt, String model, Outline[] candidates, int chosen) {
        this.id = id;
        this.object = object;
        this.plane = plane;
        this.prompt = prompt;
        this.model = model;
        this.candidates = candidates;
        this.chosen = chosen;
    }

    Outline outline() {
        return candidates[chosen];
    }

    /** The same with another candidate; this one where there is no such candidate. */
    Proposal choose(int index) {
        boolean there = index >= 0 && index < candidates.length && !candidates[index].isEmpty();
        return there ? new Proposal(id, object, plane, prompt, model, candidates, index) : this;
    }
}
