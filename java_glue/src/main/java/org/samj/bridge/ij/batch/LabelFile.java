package org.samj.bridge.ij.batch;

import static org.samj.bridge.ij.batch.LabelPages.first;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Map;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import org.samj.bridge.SegmenterException;

/**
 * Labels in a TIFF that ImageJ can't open (BigTIFF, tiles, 64 bits: scikit-image's labels are such), or whose numbers it
 * opens as others: signed bytes (-1 becomes 255), 32-bit whole numbers (floats, exact to 24 bits). Not packed, or by
 * Deflate.
 */
final class LabelFile extends LabelSource {

    private final File file;
    private final ByteOrder order;
    private final List<Map<Integer, long[]>> pages;
    private final int bits;
    private final int format;

    private LabelFile(File file, ByteOrder order, List<Map<Integer, long[]>> pages) {
        super(file.getName(), (int) first(pages.get(0), LabelPages.WIDTH, 0),
            (int) first(pages.get(0), LabelPages.HEIGHT, 0), 1, pages.size(), 1);
        this.file = file;
        this.order = order;
        this.pages = pages;
        this.bits = (int) first(pages.get(0), LabelPages.BITS, 1);
        this.format = (int) first(pages.get(0), LabelPages.FORMAT, 1);
    }

    /** The labels of a file, or null: it is one that ImageJ itself opens as it is, or can't be read as a TIFF. */
    static LabelFile of(File file) {
        try (RandomAccessFile in = new RandomAccessFile(file, "r")) {
            LabelPages read = LabelPages.in(in);
            List<Map<Integer, long[]>> pages = read == null ? null : read.all();
            return pages == null || pages.isEmpty() || !isOddToImageJ(pages.get(0), read.isBig()) ? null
                : new LabelFile(file, read.order(), pages);
        } catch (IOException | RuntimeException unreadable) {
            // ImageJ then says what is wrong with it.
            return null;
        }
    }

    private static boolean isOddToImageJ(Map<Integer, long[]> page, boolean big) {
        long bits = first(page, LabelPages.BITS, 1);
        long format = first(page, LabelPages.FORMAT, 1);
        boolean whole = bits == 8 || bits == 16 || bits == 32 || bits == 64;
        if (first(page, LabelPages.SAMPLES, 1) != 1 || !whole || format == 3 && bits < 32) {
            return false;
        }
        return big || page.containsKey(LabelPages.TILE_WIDTH) || bits == 64 || bits == 32 && format != 3
            || bits == 8 && format == 2;
    }

    @Override
    boolean isMask(int plane) {
        if (bits != 8 || format == 2) {
            return false;
        }
        boolean both = false;
        for (long value : values(plane)) {
            if (value != 0 && value != 255) {
                return false;
            }
            both |= value == 255;
        }
        return both;
    }

    /** Called only when its size is that of the image. */
    @Override
    long[] values(int plane) {
        Map<Integer, long[]> page = pages.get(plane - 1);
        boolean tiled = page.containsKey(LabelPages.TILE_WIDTH);
        long[] offsets = page.get(tiled ? LabelPages.TILE_OFFSETS : LabelPages.OFFSETS);
        long[] counts = page.get(tiled ? LabelPages.TILE_COUNTS : LabelPages.COUNTS);
        long packing = first(page, LabelPages.COMPRESSION, 1);
        boolean deflate = packing == 8 || packing == 32_946;
        long predictor = deflate ? first(page, LabelPages.PREDICTOR, 1) : 1;
        boolean known = (packing == 1 || deflate) && (predictor == 1 || predictor == 2 && format != 3);
        if (!known || offsets == null || counts == null || first(page, LabelPages.BITS, 1) != bits) {
            throw unreadable("its " + bits + "-bit numbers are packed or arranged in a way that is not read here");
        }
        long[] values = new long[width * height];
        try (RandomAccessFile in = new RandomAccessFile(file, "r")) {
            int across = tiled ? (int) first(page, LabelPages.TILE_WIDTH, 0) : width;
            int down = (int) Math.min(first(page, tiled ? LabelPages.TILE_HEIGHT : LabelPages.ROWS, height),
                tiled ? Integer.MAX_VALUE : height);
            if (across < 1 || down < 1) {
                throw unreadable("it is damaged or cut short");
            }
            int inRow = (width + across - 1) / across;
            int blocks = inRow * ((height + down - 1) / down);
            if (offsets.length < blocks || counts.length < blocks) {
                throw unreadable("it is damaged or cut short");
            }
            for (int i = 0; i < blocks; i++) {
                int top = i / inRow * down;
                int rows = tiled ? down : Math.min(down, height - top);
                int needed = Math.multiplyExact(Math.multiplyExact(across, rows), bits / 8);
                byte[] block = new byte[Math.toIntExact(Math.min(counts[i], in.length()))];
                in.seek(offsets[i]);
                in.readFully(block);
                ByteBuffer data = ByteBuffer.wrap(deflate ? unpacked(block, needed) : block).order(order);
                if (data.limit() < needed) {
                    throw unreadable("it is damaged or cut short");
                }
                if (predictor == 2) {
                    addUp(data, across, rows);
                }
                place(data, values, i % inRow * across, top, across, rows);
            }
        } catch (IOException | DataFormatException | ArithmeticException error) {
            throw unreadable("it is damaged or cut short");
        }
        return values;
    }

    private void place(ByteBuffer data, long[] values, int left, int top, int across, int rows) {
        for (int y = 0; y < rows && top + y < height; y++) {
            for (int x = 0; x < across && left + x < width; x++) {
                int at = (top + y) * width + left + x;
                values[at] = value(data, y * across + x, at);
            }
        }
    }

    /** Undo the predictor, by which each number but a row's first is the difference to the one before. */
    private void addUp(ByteBuffer data, int across, int rows) {
        for (int y = 0; y < rows; y++) {
            for (int x = 1; x < across; x++) {
                int i = y * across + x;
                if (bits == 8) {
                    data.put(i, (byte) (data.get(i) + data.get(i - 1)));
                } else if (bits == 16) {
                    data.putShort(2 * i, (short) (data.getShort(2 * i) + data.getShort(2 * i - 2)));
                } else if (bits == 32) {
                    data.putInt(4 * i, data.getInt(4 * i) + data.getInt(4 * i - 4));
                } else {
                    data.putLong(8 * i, data.getLong(8 * i) + data.getLong(8 * i - 8));
                }
            }
        }
    }

    private long value(ByteBuffer data, int i, int at) {
        if (format == 3) {
            return label(bits == 32 ? data.getFloat(4 * i) : data.getDouble(8 * i), at);
        }
        long whole = bits == 8 ? data.get(i) : bits == 16 ? data.getShort(2 * i)
            : bits == 32 ? data.getInt(4 * i) : data.getLong(8 * i);
        if (bits < 64 && format != 2) {
            whole &= (1L << bits) - 1;
        }
        if (whole >= 0) {
            return whole;
        }
        // A double tells -1 from others, which is all that is asked here; unsigned ones of 2^63 and more are too large.
        return label(format == 2 ? whole : Double.POSITIVE_INFINITY, at);
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
