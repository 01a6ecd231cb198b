package org.samj.bridge.ij.batch;

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

/** The pages of a TIFF or BigTIFF: what they say of themselves, as far as labels are concerned. */
final class LabelPages {

    static final int WIDTH = 256;
    static final int HEIGHT = 257;
    static final int BITS = 258;
    static final int COMPRESSION = 259;
    static final int OFFSETS = 273;
    static final int SAMPLES = 277;
    static final int ROWS = 278;
    static final int COUNTS = 279;
    static final int PREDICTOR = 317;
    static final int TILE_WIDTH = 322;
    static final int TILE_HEIGHT = 323;
    static final int TILE_OFFSETS = 324;
    static final int TILE_COUNTS = 325;
    static final int FORMAT = 339;
    private static final int SHORT = 3;
    private static final int LONG = 4;
    private static final int LONG8 = 16;
    private static final int MOST_PAGES = 1_000_000;
    private static final int MOST_ENTRIES = 65_535;

    private final RandomAccessFile in;
    private final ByteOrder order;
    /** Whether it is a BigTIFF: places and numbers of 8 bytes. */
    private final boolean big;

    private LabelPages(RandomAccessFile in, ByteOrder order, boolean big) {
        this.in = in;
        this.order = order;
        this.big = big;
    }

    /** Byte order and pages of a file; null: it is no TIFF. */
    static LabelPages in(RandomAccessFile in) throws IOException {
        byte[] start = new byte[4];
        in.seek(0);
        in.readFully(start);
        boolean little = start[0] == 'I' && start[1] == 'I';
        if (!little && !(start[0] == 'M' && start[1] == 'M')) {
            return null;
        }
        ByteOrder order = little ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN;
        int version = ByteBuffer.wrap(start).order(order).getShort(2);
        return version == 42 || version == 43 ? new LabelPages(in, order, version == 43) : null;
    }

    ByteOrder order() {
        return order;
    }

    boolean isBig() {
        return big;
    }

    /** The numbers of each page that is as wide as the first, by tag. */
    List<Map<Integer, long[]>> all() throws IOException {
        List<Map<Integer, long[]>> pages = new ArrayList<>();
        Set<Long> seen = new HashSet<>();
        long offset = place(read(big ? 8 : 4, big ? 8 : 4), 0);
        int width = big ? 20 : 12;
        while (offset != 0 && seen.add(offset) && pages.size() < MOST_PAGES) {
            ByteBuffer lead = read(offset, big ? 8 : 2);
            long entries = big ? lead.getLong(0) : lead.getShort(0) & 0xffff;
            if (entries < 1 || entries > MOST_ENTRIES) {
                throw new IOException(entries + " tags");
            }
            ByteBuffer table = read(offset + (big ? 8 : 2), (int) entries * width + (big ? 8 : 4));
            Map<Integer, long[]> page = new HashMap<>();
            for (int i = 0; i < entries; i++) {
                int tag = table.getShort(width * i) & 0xffff;
                int type = table.getShort(width * i + 2) & 0xffff;
                boolean tile = tag >= TILE_WIDTH && tag <= TILE_COUNTS;
                boolean wanted = tag == FORMAT || tag == PREDICTOR || tile || tag >= WIDTH && tag <= COUNTS;
                if (wanted && (type == SHORT || type == LONG || type == LONG8)) {
                    page.put(tag, numbers(table, width * i + 4, type));
                }
            }
            if (!pages.isEmpty() && first(page, WIDTH, 0) != first(pages.get(0), WIDTH, 0)) {
                // A reduced copy at the end, as pyramids have.
                break;
            }
            pages.add(page);
            offset = place(table, (int) entries * width);
        }
        return pages;
    }

    private long[] numbers(ByteBuffer table, int at, int type) throws IOException {
        int each = type == SHORT ? 2 : type == LONG ? 4 : 8;
        long many = big ? table.getLong(at) : table.getInt(at) & 0xffffffffL;
        if (many < 0 || many > in.length() / each) {
            throw new IOException("more numbers than the file has");
        }
        int count = (int) many;
        int from = at + (big ? 8 : 4);
        ByteBuffer data = table;
        if ((long) each * count > (big ? 8 : 4)) {
            data = read(place(table, from), Math.multiplyExact(each, count));
            from = 0;
        }
        long[] numbers = new long[count];
        for (int i = 0; i < count; i++) {
            int here = from + each * i;
            numbers[i] = each == 2 ? data.getShort(here) & 0xffff
                : each == 4 ? data.getInt(here) & 0xffffffffL : data.getLong(here);
        }
        return numbers;
    }

    private long place(ByteBuffer data, int at) {
        return big ? data.getLong(at) : data.getInt(at) & 0xffffffffL;
    }

    private ByteBuffer read(long at, int count) throws IOException {
        byte[] bytes = new byte[count];
        in.seek(at);
        in.readFully(bytes);
        return ByteBuffer.wrap(bytes).order(order);
    }

    static long first(Map<Integer, long[]> page, int tag, long otherwise) {
        long[] numbers = page.get(tag);
        return numbers == null || numbers.length == 0 ? otherwise : numbers[0];
    }
}
