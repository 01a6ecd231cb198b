package org.samj.bridge.appose;

import java.util.Comparator;
import java.util.stream.IntStream;
import org.samj.bridge.Prompt;

/**
 * Prompts sorted by the tile in which a worker asks them, so that it encodes each tile once though it is asked a few
 * prompts at a time. Where they are asked is the worker's to say; this only has to be near it.
 */
final class TileOrder {

    private final int width;
    private final int height;
    private final int side;

    TileOrder(int width, int height, int side) {
        this.width = width;
        this.height = height;
        this.side = side;
    }

    int[] of(Prompt[] prompts) {
        long[] places = new long[prompts.length];
        for (int i = 0; i < prompts.length; i++) {
            places[i] = place(prompts[i]);
        }
        return IntStream.range(0, prompts.length).boxed().sorted(Comparator.comparingLong(i -> places[i]))
            .mapToInt(i -> i).toArray();
    }

    /** Level, row and column in one number. */
    private long place(Prompt prompt) {
        double[] box = bounds(prompt);
        int level = 0;
        while (Math.max(width, height) > (long) side << level
                && 4 * Math.max(box[2] - box[0], box[3] - box[1]) > (long) side << level) {
            level++;
        }
        return ((long) level << 40) + ((long) nearest((box[1] + box[3]) / 2, level, height) << 20)
            + nearest((box[0] + box[2]) / 2, level, width);
    }

    private int nearest(double place, int level, int length) {
        int step = side / 2 << level;
        int last = (int) Math.max(0, (length - (long) side * (1 << level) + step - 1) / step);
        return Math.min(Math.max((int) Math.ceil(place / step - 1.5), 0), last);
    }

    private static double[] bounds(Prompt prompt) {
        double[] all = {Double.MAX_VALUE, Double.MAX_VALUE, -Double.MAX_VALUE, -Double.MAX_VALUE};
        add(all, prompt.box == null ? new double[0] : prompt.box);
        // A whole number means a pixel's middle.
        add(all, java.util.Arrays.stream(prompt.positive).map(at -> at == Math.rint(at) ? at + 0.5 : at).toArray());
        for (int[] ring : prompt.mask == null ? new int[0][] : prompt.mask.rings) {
            add(all, java.util.Arrays.stream(ring).asDoubleStream().toArray());
        }
        return all;
    }

    private static void add(double[] all, double[] places) {
        for (int i = 0; i + 1 < places.length; i += 2) {
            all[0] = Math.min(all[0], places[i]);
            all[1] = Math.min(all[1], places[i + 1]);
            all[2] = Math.max(all[2], places[i]);
            all[3] = Math.max(all[3], places[i + 1]);
        }
    }
}
