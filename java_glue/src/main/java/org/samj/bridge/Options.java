package org.samj.bridge;

/** What is wanted of the answers to prompts: how many, and what is kept of each. Python's {@code Wanted}. */
public final class Options {

    /** Most outlines that a network gives to one prompt. */
    public static final int MOST_CANDIDATES = 3;

    /** Outlines per prompt, 1 to 3, best first. */
    public final int candidates;
    /** Parts with fewer pixels are dropped. */
    public final int minArea;
    /** Whether holes are filled. */
    public final boolean fillHoles;
    /** Whether all parts but the largest are dropped. */
    public final boolean largestOnly;

    /** All fields. */
    public Options(int candidates, int minArea, boolean fillHoles, boolean largestOnly) {
        this.candidates = candidates;
        this.minArea = minArea;
        this.fillHoles = fillHoles;
        this.largestOnly = largestOnly;
    }

    /** One answer, everything kept. */
    public static Options plain() {
        return new Options(1, 0, false, false);
    }

    /** The same, with another number of outlines per prompt. */
    public Options withCandidates(int wanted) {
        return new Options(wanted, minArea, fillHoles, largestOnly);
    }

    /** Throws a SegmenterException where a number is out of its range. */
    public void check() {
        if (candidates < 1 || candidates > MOST_CANDIDATES || minArea < 0) {
            throw new SegmenterException("bad-input", "candidates is " + candidates + " and minArea " + minArea + ".",
                "Ask for 1 to " + MOST_CANDIDATES + " candidates, and an area of 0 or more pixels.");
        }
    }
}
