package org.samj.bridge;

/** An object's exact outline: rings on pixel corners, exteriors clockwise on the screen, holes the other way. */
public final class Outline {

    /** Closed rings of x0, y0, x1, y1, ...; the first vertex is not repeated. None: an empty outline. */
    public final int[][] rings;
    /** Predicted overlap (IoU) with what was meant, 0 to 1; NaN where unknown. */
    public final double score;

    /** Both fields. */
    public Outline(int[][] rings, double score) {
        this.rings = rings;
        this.score = score;
    }

    /** How many pixels are in it: outer rings run clockwise, holes the other way. */
    public long area() {
        long twice = 0;
        for (int[] ring : rings) {
            for (int i = 0; i < ring.length; i += 2) {
                int next = (i + 2) % ring.length;
                twice += (long) ring[i] * ring[next + 1] - (long) ring[next] * ring[i + 1];
            }
        }
        return Math.abs(twice) / 2;
    }

    /** Whether there is no pixel in it. */
    public boolean isEmpty() {
        return rings.length == 0;
    }
}
