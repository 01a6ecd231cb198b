package org.samj.bridge.stack;

import java.util.Arrays;
import org.samj.bridge.Outline;

/** The pixels of an outline, in the box around them. */
final class Mask {

    /** Masks with a longer side are thinned out before their innermost pixel is looked for. */
    private static final int SIDE = 192;

    final int x;
    final int y;
    final int width;
    final int height;
    /** How many pixels belong to it. */
    final long area;
    private final boolean[] inside;

    private Mask(int x, int y, int width, int height, boolean[] inside) {
        this.x = x;
        this.y = y;
        this.width = width;
        this.height = height;
        this.inside = inside;
        long count = 0;
        for (boolean one : inside) {
            count += one ? 1 : 0;
        }
        area = count;
    }

    /** The pixels within the rings of an outline. */
    static Mask of(Outline outline) {
        int[] box = {Integer.MAX_VALUE, Integer.MAX_VALUE, Integer.MIN_VALUE, Integer.MIN_VALUE};
        for (int[] ring : outline.rings) {
            for (int i = 0; i < ring.length; i++) {
                box[i % 2] = Math.min(box[i % 2], ring[i]);
                box[2 + i % 2] = Math.max(box[2 + i % 2], ring[i]);
            }
        }
        if (outline.isEmpty()) {
            return new Mask(0, 0, 0, 0, new boolean[0]);
        }
        int width = box[2] - box[0];
        int height = box[3] - box[1];
        boolean[] turns = new boolean[(width + 1) * height];
        for (int[] ring : outline.rings) {
            for (int i = 0; i < ring.length; i += 2) {
                int next = (i + 2) % ring.length;
                // An upright edge: what is right of it is on the other side of the outline.
                for (int row = Math.min(ring[i + 1], ring[next + 1]); row < Math.max(ring[i + 1], ring[next + 1]); row++) {
                    turns[(row - box[1]) * (width + 1) + ring[i] - box[0]] ^= true;
                }
            }
        }
        boolean[] inside = new boolean[width * height];
        for (int row = 0; row < height; row++) {
            boolean in = false;
            for (int column = 0; column < width; column++) {
                in ^= turns[row * (width + 1) + column];
                inside[row * width + column] = in;
            }
        }
        return new Mask(box[0], box[1], width, height, inside);
    }

    boolean isEmpty() {
        return area == 0;
    }

    private boolean has(int column, int row) {
        return column >= x && row >= y && column < x + width && row < y + height
            && inside[(row - y) * width + column - x];
    }

    /** This mask so many whole pixels away, without what leaves an image of this size; none where all of it does. */
    Mask moved(int dx, int dy, int columns, int rows) {
        int left = Integer.MAX_VALUE;
        int top = Integer.MAX_VALUE;
        int right = Integer.MIN_VALUE;
        int bottom = Integer.MIN_VALUE;
        for (int i = 0; i < inside.length; i++) {
            int column = x + i % width + dx;
            int row = y + i / width + dy;
            if (inside[i] && column >= 0 && row >= 0 && column < columns && row < rows) {
                left = Math.min(left, column);
                right = Math.max(right, column + 1);
                top = Math.min(top, row);
                bottom = Math.max(bottom, row + 1);
            }
        }
        if (left > right) {
            return new Mask(0, 0, 0, 0, new boolean[0]);
        }
        boolean[] kept = new boolean[(right - left) * (bottom - top)];
        for (int i = 0; i < kept.length; i++) {
            kept[i] = has(left + i % (right - left) - dx, top + i / (right - left) - dy);
        }
        return new Mask(left, top, right - left, bottom - top, kept);
    }

    /** How many pixels it shares with another one that is moved by whole pixels first. */
    long shared(Mask other, int dx, int dy) {
        long count = 0;
        for (int row = Math.max(y, other.y + dy); row < Math.min(y + height, other.y + dy + other.height); row++) {
            for (int column = Math.max(x, other.x + dx); column < Math.min(x + width, other.x + dx + other.width);
                    column++) {
                count += has(column, row) && other.has(column - dx, row - dy) ? 1 : 0;
            }
        }
        return count;
    }

    /** The overlap with another one that is moved first, as a part of both together. */
    double iou(Mask other, int dx, int dy) {
        long both = shared(other, dx, dy);
        return both == 0 ? 0 : (double) both / (area + other.area - both);
    }

    /** The mean place of its pixels, x and y. */
    double[] centre() {
        double sumX = 0;
        double sumY = 0;
        for (int i = 0; i < inside.length; i++) {
            sumX += inside[i] ? x + i % width + 0.5 : 0;
            sumY += inside[i] ? y + i / width + 0.5 : 0;
        }
        return new double[] {sumX / Math.max(1, area), sumY / Math.max(1, area)};
    }

    /** The pixel that is farthest from what does not belong to it, x and y; the first among equals. */
    int[] innermost() {
        int step = Math.max(1, (Math.max(width, height) + SIDE - 1) / SIDE);
        int first = step / 2;
        int columns = width > first ? (width - first + step - 1) / step : 0;
        int rows = height > first ? (height - first + step - 1) / step : 0;
        long best = 0;
        int[] place = null;
        long[][] squared = squared(columns, rows, first, step);
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                if (squared[row][column] > best) {
                    best = squared[row][column];
                    place = new int[] {x + column * step + first, y + row * step + first};
                }
            }
        }
        for (int i = 0; place == null && i < inside.length; i++) {
            place = inside[i] ? new int[] {x + i % width, y + i / width} : null;
        }
        return place;
    }

    /** The squared distance of each pixel of the thinned mask to the nearest one outside. */
    private long[][] squared(int columns, int rows, int first, int step) {
        long[][] upright = new long[rows][columns];
        for (int column = 0; column < columns; column++) {
            int above = -1;
            for (int row = 0; row < rows; row++) {
                above = inside[(row * step + first) * width + column * step + first] ? above : row;
                upright[row][column] = row - above;
            }
            int below = rows;
            for (int row = rows - 1; row >= 0; row--) {
                below = inside[(row * step + first) * width + column * step + first] ? below : row;
                upright[row][column] = Math.min(upright[row][column], below - row);
            }
        }
        long[][] squared = new long[rows][columns];
        for (int row = 0; row < rows; row++) {
            Arrays.fill(squared[row], Long.MAX_VALUE);
            for (int column = 0; column < columns; column++) {
                for (int other = -1; other <= columns; other++) {
                    long high = other < 0 || other == columns ? 0 : upright[row][other];
                    long apart = (long) (column - other) * (column - other);
                    squared[row][column] = Math.min(squared[row][column], high * high + apart);
                }
            }
        }
        return squared;
    }
}
