package org.samj.bridge;

/** One plane of an image, as stored in Java: all of it, or where parts of it are read. */
public final class Pixels {

    /**
     * {@code byte[]}, {@code short[]} (both unsigned), {@code float[]}, or {@code int[]} for 0xRRGGBB; row by row.
     * Empty where {@link #parts} are read: it says of which type they are.
     */
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
    /** Where parts of an image are read that is too large to be handed over as a whole; null: {@link #array} is it. */
    public final Parts parts;

    /** A plane that is handed over as a whole. */
    public Pixels(Object array, int width, int height, double[] range) {
        this(array, width, height, range, null);
    }

    private Pixels(Object array, int width, int height, double[] range, Parts parts) {
        this.array = array;
        this.width = width;
        this.height = height;
        this.range = range;
        this.parts = parts;
    }

    /**
     * A plane of which parts are read when prompts need them.
     *
     * @param type an empty array of the type that {@code parts} gives
     */
    public static Pixels inParts(Parts parts, Object type, int width, int height, double[] range) {
        return new Pixels(type, width, height, range, parts);
    }

    /** Reads parts of a plane, for as long as somebody asks about it. From any thread. */
    public interface Parts {

        /**
         * The pixels of one part, in a new array.
         *
         * @throws SegmenterException they can't be read (any more)
         */
        Object read(int x, int y, int width, int height);

        /**
         * A number that changes when the pixels of a part do.
         *
         * @throws SegmenterException as {@link #read}
         */
        long sum(int x, int y, int width, int height);
    }
}
