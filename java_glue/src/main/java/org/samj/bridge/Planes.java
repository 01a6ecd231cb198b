package org.samj.bridge;

/** A stack as it is read: plane by plane, when a plane is needed. From any thread but the event thread. */
public interface Planes {

    /** How many planes there are. */
    int count();

    /** Pixels per row of each. */
    int width();

    /** Rows of each. */
    int height();

    /** Whether they are moments in time, in which objects move; else slices. */
    boolean areFrames();

    /**
     * A plane, all with one display range.
     *
     * @param index from 0
     * @throws SegmenterException it can't be read (any more), or has another size
     */
    Pixels read(int index);
}
