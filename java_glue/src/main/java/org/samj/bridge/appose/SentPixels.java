package org.samj.bridge.appose;

import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apposed.appose.SharedMemory;
import org.samj.bridge.Pixels;
import org.samj.bridge.SegmenterException;

/** A private copy of an image as it is sent: its owner may change the pixels, and a new worker needs them again. */
final class SentPixels {

    /** Start of the names of shared memory blocks; with the rest at most 30 characters, as macOS wants it. */
    static final String BLOCKS = "samj_java_";
    private static final File LINUX_BLOCKS = new File("/dev/shm");

    /** Pixels per row. */
    final int width;
    /** Rows. */
    final int height;
    /** Whether it has three channels: red, green, blue. */
    final boolean colour;
    /** Low and high end of what is shown; null: found by the worker. */
    final double[] range;
    private final Object array;
    private final String dtype;
    private final int bytesPerElement;

    private SentPixels(Pixels pixels, Object array, String dtype, int bytesPerElement, boolean colour) {
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
        if (pixels.width < 1 || pixels.height < 1 || length != (long) pixels.width * pixels.height) {
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

    /** A new block of shared memory with the pixels in it. Closing it, once, removes it: its unlink() is not for use. */
    SharedMemory share() {
        long bytes = (long) java.lang.reflect.Array.getLength(array) * bytesPerElement;
        // Linux gives pages when they are written: where there are none left, that would end this program.
        long free = LINUX_BLOCKS.isDirectory() ? LINUX_BLOCKS.getUsableSpace() : Long.MAX_VALUE;
        if (bytes > free) {
            throw tooLarge(bytes, free / 1_000_000 + " MB are free");
        }
        if (bytes > Integer.MAX_VALUE) {
            throw tooLarge(bytes, "from Java 2 GB can be handed over at once");
        }
        String name = BLOCKS + UUID.randomUUID().toString().replace("-", "").substring(0, 12);
        SharedMemory block;
        try {
            block = Loader.with(() -> SharedMemory.create(name, bytes));
        } catch (IOException | RuntimeException | LinkageError error) {
            throw tooLarge(bytes, String.valueOf(error.getMessage()));
        }
        try {
            fill(block.buf(0, bytes).order(ByteOrder.nativeOrder()));
            return block;
        } catch (RuntimeException | Error error) {
            block.close();
            throw error;
        }
    }

    /** The image in a block, as {@code encode} takes it. */
    Map<String, Object> describe(SharedMemory block) {
        Map<String, Object> shm = new HashMap<>();
        shm.put("appose_type", "shm");
        shm.put("name", block.name());
        shm.put("rsize", block.rsize());
        Map<String, Object> image = new HashMap<>();
        image.put("appose_type", "ndarray");
        image.put("dtype", dtype);
        image.put("shape", colour ? Arrays.asList(height, width, 3) : Arrays.asList(height, width));
        image.put("shm", shm);
        return image;
    }

    /** Display range, as {@code encode} takes it. */
    List<List<Double>> ranges() {
        return range == null ? null : Collections.singletonList(Arrays.asList(range[0], range[1]));
    }

    private void fill(ByteBuffer buffer) {
        if (array instanceof byte[]) {
            buffer.put((byte[]) array);
        } else if (array instanceof short[]) {
            buffer.asShortBuffer().put((short[]) array);
        } else {
            buffer.asFloatBuffer().put((float[]) array);
        }
    }

    private static byte[] split(int[] pixels) {
        if (pixels.length > Integer.MAX_VALUE / 3) {
            throw tooLarge(3L * pixels.length, "from Java 2 GB can be handed over at once");
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

    private static SegmenterException tooLarge(long bytes, String reason) {
        return new SegmenterException("image-too-large", "There are no " + Math.max(1, bytes / 1_000_000)
            + " MB of shared memory left to hand over the image (" + reason + ").",
            "Close other programs, use a smaller image, or in a container give more: docker run --shm-size=2g.");
    }
}
