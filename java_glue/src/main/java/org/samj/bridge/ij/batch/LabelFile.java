package org.samj.bridge.ij.batch;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import org.samj.bridge.SegmenterException;

/**
 * Labels in a TIFF whose numbers ImageJ can't open, or opens as others: signed bytes (-1 becomes 255), 32-bit whole
 * numbers (floats, exact to 24 bits), 64 bits (not at all; scikit-image's labels are such). Not packed, or by Deflate.
 */
final class LabelFile extends LabelSource {

    private static final int WIDTH = 256;
    private static final int HEIGHT = 257;
    private static final int BITS = 258;
    private static final int COMPRESSION = 259;
    private static final int OFFSETS = 273;
    private static final int SAMPLES = 277;
    private static final int COUNTS = 279;
    private static final int PREDICTOR = 317;
    private static final int FORMAT = 339;
    private static final int[] SIZES = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8};
    private static final int MOST_PAGES = 1_000_000;

    private final File file;
    private final ByteOrder order;
    private final List<Map<Integer, long[]>> pages;
    private final int bits;
    private final int format;

    private LabelFile(File file, ByteOrder order, List<Map<Integer, long[]>> pages) {
        super(file.getName(), (int) first(pages.get(0), WIDTH, 0), (int) first(pages.get(0), HEIGHT, 0), 1,
            pages.size(), 1);
        this.file = file;
        this.order = order;
        this.pages = pages;
        this.bits = (int) first(pages.get(0), BITS, 1);
        this.format = (int) first(pages.get(0), FORMAT, 1);
    }

    /** The labels of a file, or null: it is one that ImageJ itself opens as it is, or can't be read as a TIFF. */
    static LabelFile of(File file) {
        try (RandomAccessFile in = new RandomAccessFile(file, "r")) {
            byte[] start = new byte[8];
            in.readFully(start);
            boolean little = start[0] == 'I' && start[1] == 'I';
            if (!little && !(start[0] == 'M' && start[1] == 'M')) {
                return null;
            }
            ByteOrder order = little ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN;
            ByteBuffer head = ByteBuffer.wrap(start).order(order);
            if (head.getShort(2) != 42) {
                return null;
            }
            List<Map<Integer, long[]>> pages = pages(in, order, head.getInt(4) & 0xffffffffL);
            return pages.isEmpty() || !isOddToImageJ(pages.get(0)) ? null : new LabelFile(file, order, pages);
        } catch (IOException | RuntimeException unreadable) {
            // ImageJ then says what is wrong with it.
            return null;
        }
    }

    private static boolean isOddToImageJ(Map<Integer, long[]> page) {
        long bits = first(page, BITS, 1);
        long format = first(page, FORMAT, 1);
        boolean grey = first(page, SAMPLES, 1) == 1;
        return grey && (bits == 64 || bits == 32 && format != 3 || bits == 8 && format == 2);
    }

    private static List<Map<Integer, long[]>> pages(RandomAccessFile in, ByteOrder order, long at) throws IOException {
        List<Map<Integer, long[]>> pages = new ArrayList<>();
        Set<Long> seen = new HashSet<>();
        long offset = at;
        while (offset != 0 && seen.add(offset) && pages.size() < MOST_PAGES) {
            in.seek(offset);
            int entries = read(in, order, 2).getShort() & 0xffff;
            ByteBuffer table = read(in, order, entries * 12 + 4);
            Map<Integer, long[]> page = new HashMap<>();
            for (int i = 0; i < entries; i++) {
                int tag = table.getShort(12 * i) & 0xffff;
                int type = table.getShort(12 * i + 2) & 0xffff;
                long count = table.getInt(12 * i + 4) & 0xffffffffL;
                boolean wanted = tag == FORMAT || tag == PREDICTOR || tag >= WIDTH && tag <= COUNTS;
                if (wanted && (type == 3 || type == 4) && count * SIZES[type] <= in.length()) {
                    page.put(tag, numbers(in, order, table, 12 * i + 8, type, (int) count));
                }
            }
            if (!pages.isEmpty() && first(page, WIDTH, 0) != first(pages.get(0), WIDTH, 0)) {
                // A reduced copy at the end, as pyramids have.
                break;
            }
            pages.add(page);
            offset = table.getInt(12 * entries) & 0xffffffffL;
        }
        return pages;
    }

    private static long[] numbers(RandomAccessFile in, ByteOrder order, ByteBuffer table, int at, int type, int count)
        throws IOException {
        int each = SIZES[type];
        ByteBuffer data = table;
        int from = at;
        if (each * count > 4) {
            in.seek(table.getInt(at) & 0xffffffffL);
            data = read(in, order, each * count);
            from = 0;
        }
        long[] numbers = new long[count];
        for (int i = 0; i < count; i++) {
            numbers[i] = each == 2 ? data.getShort(from + 2 * i) & 0xffff : data.getInt(from + 4 * i) & 0xffffffffL;
        }
        return numbers;
    }

    private static ByteBuffer read(RandomAccessFile in, ByteOrder order, int count) throws IOException {
        byte[] bytes = new byte[count];
        in.readFully(bytes);
        return ByteBuffer.wrap(bytes).order(order);
    }

    private static long first(Map<Integer, long[]> page, int tag, long otherwise) {
        long[] numbers = page.get(tag);
        return numbers == null || numbers.length == 0 ? otherwise : numbers[0];
    }

    @Override
    boolean isMask(int plane) {
        return false;
    }

    /** Called only when its size is that of the image. */
    @Override
    long[] values(int plane) {
        Map<Integer, long[]> page = pages.get(plane - 1);
        long packing = first(page, COMPRESSION, 1);
        boolean deflate = packing == 8 || packing == 32_946;
        boolean plain = packing == 1 || deflate && first(page, PREDICTOR, 1) == 1;
        if (!plain || !page.containsKey(OFFSETS) || !page.containsKey(COUNTS) || first(page, BITS, 1) != bits) {
            throw unreadable("its " + bits + "-bit numbers are packed or arranged in a way that is not read here");
        }
        int needed = Math.multiplyExact(Math.multiplyExact(width, height), bits / 8);
        ByteBuffer data = ByteBuffer.allocate(needed).order(order);
        try (RandomAccessFile in = new RandomAccessFile(file, "r")) {
            long[] offsets = page.get(OFFSETS);
            long[] counts = page.get(COUNTS);
            for (int i = 0; i < offsets.length && data.hasRemaining(); i++) {
                byte[] strip = new byte[Math.toIntExact(Math.min(counts[i], in.length()))];
                in.seek(offsets[i]);
                in.readFully(strip);
                byte[] unpacked = deflate ? unpacked(strip, data.remaining()) : strip;
                data.put(unpacked, 0, Math.min(unpacked.length, data.remaining()));
            }
        } catch (IOException | DataFormatException | RuntimeException error) {
            throw unreadable("it is damaged or cut short");
        }
        if (data.hasRemaining()) {
            throw unreadable("it is damaged or cut short");
        }
        long[] values = new long[width * height];
        for (int i = 0; i < values.length; i++) {
            values[i] = value(data, i);
        }
        return values;
    }

    private long value(ByteBuffer data, int i) {
        if (format == 3) {
            return label(data.getDouble(8 * i), i);
        }
        long whole = bits == 8 ? data.get(i) : bits == 32 ? data.getInt(4 * i) : data.getLong(8 * i);
        if (bits == 32 && format != 2) {
            whole &= 0xffffffffL;
        }
        if (whole >= 0) {
            return whole;
        }
        // A double tells -1 from others, which is all that is asked here; unsigned ones of 2^63 and more are too large.
        return label(format == 2 ? whole : Double.POSITIVE_INFINITY, i);
    }

    private static byte[] unpacked(byte[] strip, int most) throws DataFormatException {
        Inflater inflater = new Inflater();
        try {
            inflater.setInput(strip);
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            byte[] piece = new byte[1 << 16];
            while (!inflater.finished() && out.size() < most) {
                int count = inflater.inflate(piece);
                if (count == 0 && (inflater.needsInput() || inflater.needsDictionary())) {
                    break;
                }
                out.write(piece, 0, count);
            }
            return out.toByteArray();
        } finally {
            inflater.end();
        }
    }

    private SegmenterException unreadable(String why) {
        return new SegmenterException("no-labels", title + " can't be read: " + why + ".",
            "Save the labels with 16 bits, for example tifffile.imwrite('labels.tif', labels.astype('uint16')).");
    }
}
