package org.samj.bridge.ij.images;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32;

/** A number that changes when pixels do: whoever filters an image gets it encoded again. */
final class Sums {

    private final CRC32 crc = new CRC32();
    private final ByteBuffer piece = ByteBuffer.allocate(1 << 16).order(ByteOrder.nativeOrder());

    /** Add elements of a plane's array. */
    Sums add(Object array, int from, int count) {
        if (array instanceof byte[]) {
            crc.update((byte[]) array, from, count);
            return this;
        }
        int each = array instanceof short[] ? 2 : 4;
        int most = piece.capacity() / each;
        for (int first = from; first < from + count; first += most) {
            int length = Math.min(most, from + count - first);
            if (array instanceof short[]) {
                piece.asShortBuffer().put((short[]) array, first, length);
            } else if (array instanceof int[]) {
                piece.asIntBuffer().put((int[]) array, first, length);
            } else {
                piece.asFloatBuffer().put((float[]) array, first, length);
            }
            crc.update(piece.array(), 0, length * each);
        }
        return this;
    }

    /** The number. */
    long value() {
        return crc.getValue();
    }
}
