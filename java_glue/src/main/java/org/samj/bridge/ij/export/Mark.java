package org.samj.bridge.ij.export;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The mark in a picture that says who wrote it: samj-bridge's command line does not take a marked one of a folder for
 * an image to segment. Saved again by ImageJ it has none: then it is the user's.
 */
final class Mark {

    /** As Python's label images begin. */
    private static final String SOFTWARE = "samj-bridge label image";
    private static final int TAG = 305;
    private static final int ASCII = 2;
    private static final int HEADER = 8;
    private static final int ENTRY = 12;

    private Mark() {
    }

    /** A TIFF of ImageJ's with the tag Software: its directory is written anew behind the pixels. */
    static byte[] marked(byte[] tiff) {
        ByteBuffer in = ByteBuffer.wrap(tiff);
        in.order(tiff[0] == 'I' ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN);
        byte[] text = (SOFTWARE + '\0').getBytes(StandardCharsets.US_ASCII);
        int directory = in.getInt(HEADER / 2);
        int count = in.getShort(directory) & 0xffff;
        int textAt = tiff.length + tiff.length % 2;
        int at = textAt + text.length;
        ByteBuffer out = ByteBuffer.wrap(Arrays.copyOf(tiff, at + 2 + (count + 1) * ENTRY + 4)).order(in.order());
        out.putInt(HEADER / 2, at);
        out.position(textAt);
        out.put(text).putShort((short) (count + 1));
        boolean written = false;
        for (int i = 0; i <= count; i++) {
            int old = directory + 2 + (i - (written ? 1 : 0)) * ENTRY;
            if (!written && (i == count || (in.getShort(old) & 0xffff) > TAG)) {
                out.putShort((short) TAG).putShort((short) ASCII).putInt(text.length).putInt(textAt);
                written = true;
            } else {
                out.put(tiff, old, ENTRY);
            }
        }
        out.put(tiff, directory + 2 + count * ENTRY, 4);
        return out.array();
    }
}
