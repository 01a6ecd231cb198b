package org.samj.bridge.appose;

import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.samj.bridge.Pixels;
import org.samj.bridge.SegmenterException;

/**
 * A private copy of an image as it is sent: its owner may change the pixels, and a new worker needs them again. Of one
 * that is read in parts there is no copy: each part is sent when the worker asks for it.
 */
final class SentPixels {

    /** Pixels per row. */
    final int width;
    /** Rows. */
    final int height;
    /** Whether it has three channels: red, green, blue. */
    final boolean colour;
    /** Low and high end of what is shown; null: found by the worker. */
    final double[] range;
    private final Pixels.Parts parts;
    private final Object array;
    private final String dtype;
    private final int bytesPerElement;

    private SentPixels(Pixels pixels, Object array, String dtype, int bytesPerElement, boolean colour) {
        this.parts = pixels.parts;
        this.width = pixels.width;
        this.height = pixels.height;
        this.range = colour ? null : pixels.range;
        this.array = array;
        this.dtype = dtype;
        this.bytesPerElement = bytesPerElement;
        this.colour = colour;
    }

    /** Check and copy an image. */
    static SentPixels of(Pixels pixels) {
        int length = pixels.array == null || !pixels.array.getClass().isArray() ? -1
            : java.lang.reflect.Array.getLength(pixels.array);
        long wanted = pixels.parts == null ? (long) pixels.width * pixels.height : length;
        if (pixels.width < 1 || pixels.height < 1 || length < 0 || length != wanted) {
            throw new SegmenterException("bad-image", "The image is said to have " + pixels.width + " x " + pixels.height
                + " pixels, and its array has " + Math.max(0, length) + ".", "Hand in one plane, row by row.");
        }
        double[] range = pixels.range;
        if (range != null && (range.length != 2 || !finite(range) || range[0] == range[1])) {
            throw new SegmenterException("bad-image", "range is " + Arrays.toString(range)
                + ", which is not two different finite numbers.",
                "Give {low, high} in the image's own values; {high, low} inverts.");
        }
        if (pixels.array instanceof byte[]) {
            return new SentPixels(pixels, ((byte[]) pixels.array).clone(), "uint8", 1, false);
        }
        if (pixels.array instanceof short[]) {
            return new SentPixels(pixels, ((short[]) pixels.array).clone(), "uint16", 2, false);
        }
        if (pixels.array instanceof float[]) {
            return new SentPixels(pixels, ((float[]) pixels.array).clone(), "float32", 4, false);
        }
        if (pixels.array instanceof int[]) {
            return new SentPixels(pixels, split((int[]) pixels.array), "uint8", 1, true);
        }
        throw new SegmenterException("bad-image", "The image is a " + pixels.array.getClass().getSimpleName() + ".",
            "Hand in byte[], short[], float[], or int[] with 0xRRGGBB.");
    }

    /** Where its parts are read; null: all of it is here. */
    Pixels.Parts parts() {
        return parts;
    }

    /** A part of it, as an image of its own. */
    SentPixels part(int x, int y, int columns, int rows) {
        return of(new Pixels(parts.read(x, y, columns, rows), columns, rows, range));
    }

    /** All of it, as an image of its own. */
    SentPixels whole() {
        return parts == null ? this : part(0, 0, width, height);
    }

    /** A new file with the pixels in it. Closing it removes it. */
    SentFile share() {
        return SentFile.of(array, bytesPerElement);
    }

    /** The image in a file, as {@code encode} takes it; null: one whose parts the worker asks for. */
    Map<String, Object> describe(SentFile file) {
        Map<String, Object> image = new HashMap<>();
        image.put("appose_type", "ndarray");
        image.put("dtype", dtype);
        image.put("shape", colour ? Arrays.asList(height, width, 3) : Arrays.asList(height, width));
        if (file == null) {
            image.put("ask", true);
        } else {
            image.put("file", file.path.toString());
        }
        return image;
    }

    /** Display range, as {@code encode} takes it. */
    List<List<Double>> ranges() {
        return range == null ? null : Collections.singletonList(Arrays.asList(range[0], range[1]));
    }

    private static byte[] split(int[] pixels) {
        if (pixels.length > Integer.MAX_VALUE / 3) {
            throw new SegmenterException("image-too-large", "The image has " + pixels.length / 1_000_000
                + " million pixels in colours, and 715 million can be handed over at once.", "Use a part of it.");
        }
        byte[] channels = new byte[3 * pixels.length];
        for (int i = 0; i < pixels.length; i++) {
            channels[3 * i] = (byte) (pixels[i] >> 16);
            channels[3 * i + 1] = (byte) (pixels[i] >> 8);
            channels[3 * i + 2] = (byte) pixels[i];
        }
        return channels;
    }

    private static boolean finite(double[] values) {
        return Arrays.stream(values).allMatch(Double::isFinite);
    }
}
