package org.samj.bridge.appose;

import org.samj.bridge.Outline;
import org.samj.bridge.Pixels;

/** A picture that Python draws in the same way (tests/integration/test_java_glue.py): discs on a dim, uneven ground. */
public final class Pictures {

    public static final int WIDTH = 160;
    public static final int HEIGHT = 120;
    /** x, y, radius of each disc. */
    public static final int[][] DISCS = {{40, 35, 14}, {100, 40, 18}, {60, 85, 16}, {125, 90, 12}};

    private Pictures() {
    }

    /** Grey values. */
    static int[] grey() {
        int[] values = new int[WIDTH * HEIGHT];
        for (int y = 0; y < HEIGHT; y++) {
            for (int x = 0; x < WIDTH; x++) {
                values[y * WIDTH + x] = (isIn(x, y) ? 170 : 30) + (7 * x + 13 * y) % 11;
            }
        }
        return values;
    }

    public static Pixels bytes() {
        return bytes(0, 255);
    }

    static Pixels bytes(double low, double high) {
        int[] grey = grey();
        byte[] array = new byte[grey.length];
        for (int i = 0; i < grey.length; i++) {
            array[i] = (byte) grey[i];
        }
        return new Pixels(array, WIDTH, HEIGHT, new double[] {low, high});
    }

    /** The picture many times side by side: wider than what is encoded in one piece. */
    static Pixels wide(int times) {
        int[] grey = grey();
        byte[] array = new byte[times * grey.length];
        for (int y = 0; y < HEIGHT; y++) {
            for (int x = 0; x < times * WIDTH; x++) {
                array[y * times * WIDTH + x] = (byte) grey[y * WIDTH + x % WIDTH];
            }
        }
        return new Pixels(array, times * WIDTH, HEIGHT, null);
    }

    static Pixels shorts() {
        int[] grey = grey();
        short[] array = new short[grey.length];
        for (int i = 0; i < grey.length; i++) {
            array[i] = (short) (grey[i] * 300);
        }
        return new Pixels(array, WIDTH, HEIGHT, new double[] {3000, 60000});
    }

    static Pixels floats() {
        int[] grey = grey();
        float[] array = new float[grey.length];
        for (int i = 0; i < grey.length; i++) {
            array[i] = (float) (grey[i] / 256.0 - 0.5);
        }
        array[0] = Float.NaN;
        array[1] = Float.POSITIVE_INFINITY;
        return new Pixels(array, WIDTH, HEIGHT, null);
    }

    static Pixels colours() {
        int[] grey = grey();
        int[] array = new int[grey.length];
        for (int i = 0; i < grey.length; i++) {
            array[i] = 0xff000000 | grey[i] << 16 | grey[i] / 2 << 8 | 255 - grey[i];
        }
        return new Pixels(array, WIDTH, HEIGHT, null);
    }

    /** Many discs, for searches that take a while. */
    static Pixels crowd(int size) {
        byte[] array = new byte[size * size];
        for (int y = 0; y < size; y++) {
            for (int x = 0; x < size; x++) {
                int dx = x % 32 - 16;
                int dy = y % 32 - 16;
                array[y * size + x] = (byte) ((dx * dx + dy * dy < 90 ? 170 : 30) + (7 * x + 13 * y) % 11);
            }
        }
        return new Pixels(array, size, size, new double[] {0, 255});
    }

    /** Overlap (IoU) of an outline with a disc. */
    public static double overlap(Outline outline, int[] disc) {
        int both = 0;
        int either = 0;
        for (int y = 0; y < HEIGHT; y++) {
            for (int x = 0; x < WIDTH; x++) {
                boolean drawn = isIn(x, y, disc);
                boolean found = contains(outline, x + 0.5, y + 0.5);
                both += drawn && found ? 1 : 0;
                either += drawn || found ? 1 : 0;
            }
        }
        return (double) both / either;
    }

    private static boolean contains(Outline outline, double x, double y) {
        boolean inside = false;
        for (int[] ring : outline.rings) {
            for (int i = 0, j = ring.length - 2; i < ring.length; j = i, i += 2) {
                // Edges are level or upright: only upright ones are crossed.
                boolean spans = ring[i + 1] > y != ring[j + 1] > y;
                inside ^= spans && x < ring[i];
            }
        }
        return inside;
    }

    private static boolean isIn(int x, int y) {
        for (int[] disc : DISCS) {
            if (isIn(x, y, disc)) {
                return true;
            }
        }
        return false;
    }

    private static boolean isIn(int x, int y, int[] disc) {
        int dx = x - disc[0];
        int dy = y - disc[1];
        return dx * dx + dy * dy < disc[2] * disc[2];
    }
}
