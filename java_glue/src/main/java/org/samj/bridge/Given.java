package org.samj.bridge;

/** What the user says of an object on a plane of a stack. Python's {@code (plane, what, number)}. */
public final class Given {

    /** From 0. */
    public final int plane;
    /** Which object, from 1. */
    public final int object;
    /** Where it is; a prompt that is an outline and nothing else is taken as it is. Null: it is not on this plane. */
    public final Prompt prompt;

    /** All fields. */
    public Given(int plane, int object, Prompt prompt) {
        this.plane = plane;
        this.object = object;
        this.prompt = prompt;
    }

    /** Whether the outline that is given is the object, to the pixel. */
    public boolean isOutline() {
        return prompt != null && prompt.mask != null && prompt.box == null
            && prompt.positive.length + prompt.negative.length == 0;
    }
}
