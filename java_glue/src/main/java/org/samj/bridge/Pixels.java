package org.samj.bridge;

/** One plane of an image, as stored in Java. */
public final class Pixels {

    /** {@code byte[]}, {@code short[]} (both unsigned), {@code float[]}, or {@code int[]} for 0xRRGGBB; row by row. */
    public final Object array;
    /** Pixels per row. */
    public final int width;
    /** Rows. */
    public final int height;
    /**
     * Values shown as black and white, the higher one first where the image is shown inverted; null: RGB, or found
     * from the pixels.
     */
    public final double[] range;

    /** All fields. */
    public Pixels(Object array, int width, int height, double[] range) {
        this.array = array;
        this.width = width;
        this.height = height;
        this.range = range;
    }
}
