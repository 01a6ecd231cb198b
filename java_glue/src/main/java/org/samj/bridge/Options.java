package org.samj.bridge;

/** What is kept of each object. */
public final class Options {

    /** Outlines per prompt, 1 to 3. */
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
}
