package org.samj.bridge.ij.rois;

/** Fewer vertices for a ring: Ramer, Douglas and Peucker's method (1972, 1973). */
final class Simplify {

    private Simplify() {
    }

    /**
     * A closed ring with fewer vertices, none of the old ones further than a tolerance from the new line.
     *
     * @param ring x0, y0, x1, y1, ...
     * @param tolerance in pixels
     * @return the ring itself where it would lose its area
     */
    static int[] ring(int[] ring, double tolerance) {
        int n = ring.length / 2;
        if (n < 5) {
            return ring;
        }
        boolean[] keep = new boolean[n + 1];
        int far = furthest(ring, n);
        keep[0] = true;
        keep[far] = true;
        mark(ring, n, 0, far, tolerance, keep);
        mark(ring, n, far, n, tolerance, keep);
        int count = 0;
        for (int i = 0; i < n; i++) {
            count += keep[i] ? 1 : 0;
        }
        if (count < 3) {
            return ring;
        }
        int[] fewer = new int[2 * count];
        for (int i = 0, at = 0; i < n; i++) {
            if (keep[i]) {
                fewer[at++] = ring[2 * i];
                fewer[at++] = ring[2 * i + 1];
            }
        }
        return fewer;
    }

    private static int furthest(int[] ring, int n) {
        int best = 1;
        long most = -1;
        for (int i = 1; i < n; i++) {
            long dx = ring[2 * i] - ring[0];
            long dy = ring[2 * i + 1] - ring[1];
            if (dx * dx + dy * dy > most) {
                most = dx * dx + dy * dy;
                best = i;
            }
        }
        return best;
    }

    private static void mark(int[] ring, int n, int from, int to, double tolerance, boolean[] keep) {
        java.util.ArrayDeque<int[]> spans = new java.util.ArrayDeque<>();
        spans.push(new int[] {from, to});
        while (!spans.isEmpty()) {
            int[] span = spans.pop();
            int worst = -1;
            double most = tolerance;
            for (int i = span[0] + 1; i < span[1]; i++) {
                double off = distance(ring, i % n, span[0] % n, span[1] % n);
                if (off > most) {
                    most = off;
                    worst = i;
                }
            }
            if (worst >= 0) {
                keep[worst % n] = true;
                spans.push(new int[] {span[0], worst});
                spans.push(new int[] {worst, span[1]});
            }
        }
    }

    private static double distance(int[] ring, int p, int a, int b) {
        return java.awt.geom.Line2D.ptSegDist(ring[2 * a], ring[2 * a + 1], ring[2 * b], ring[2 * b + 1],
            ring[2 * p], ring[2 * p + 1]);
    }
}
