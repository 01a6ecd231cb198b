package org.samj.bridge.ij.batch;

import ij.ImagePlus;
import java.util.LinkedHashSet;
import java.util.Set;
import org.samj.bridge.SegmenterException;

/** Where labels come from: whole numbers for each pixel, 0 where there is no object. */
abstract class LabelSource {

    /** Beyond it neighbouring whole numbers are one in ImageJ's 32-bit images. */
    static final long EXACT = 1L << 24;

    final String title;
    final int width;
    final int height;
    /** Channels, slices and frames, as far as they are known; else {1, planes, 1}. */
    final int[] counts;
    private final Set<String> notes = new LinkedHashSet<>();

    LabelSource(String title, int width, int height, int... counts) {
        this.title = title;
        this.width = width;
        this.height = height;
        this.counts = counts;
    }

    /** The labels of a plane, counted from 1. */
    abstract long[] values(int plane);

    /** Whether a plane is a mask: of 0 and 255 only, in 8 bits. */
    abstract boolean isMask(int plane);

    int planes() {
        return counts[0] * counts[1] * counts[2];
    }

    /** Why these can't be labels of an image; empty: they can. */
    String trouble(ImagePlus imp) {
        if (width != imp.getWidth() || height != imp.getHeight()) {
            return title + " is " + width + " x " + height + " pixels, " + imp.getTitle() + " is " + imp.getWidth()
                + " x " + imp.getHeight() + ".";
        }
        if (plane(imp, 1) == 0) {
            return title + " has " + words(counts) + ", " + imp.getTitle() + " has "
                + words(imp.getNChannels(), imp.getNSlices(), imp.getNFrames()) + ".";
        }
        return "";
    }

    /**
     * Which of these planes, from 1, belongs to one of an image; 0: that can't be told. One plane belongs to all of
     * them; channels may count as one, as in the label images that we export.
     */
    int plane(ImagePlus imp, int stackIndex) {
        if (planes() == 1) {
            return 1;
        }
        if (planes() == imp.getStackSize()) {
            return stackIndex;
        }
        int[] sizes = {imp.getNChannels(), imp.getNSlices(), imp.getNFrames()};
        int[] at = imp.convertIndexToPosition(stackIndex);
        boolean fits = true;
        for (int i = 0; i < 3; i++) {
            fits &= counts[i] == 1 || counts[i] == sizes[i];
        }
        if (fits) {
            return ((counts[2] == 1 ? 0 : at[2] - 1) * counts[1] + (counts[1] == 1 ? 0 : at[1] - 1)) * counts[0]
                + (counts[0] == 1 ? 0 : at[0] - 1) + 1;
        }
        // A file of plain pages does not say what they are.
        return planes() == sizes[1] * sizes[2] ? (at[2] - 1) * sizes[1] + at[1] : 0;
    }

    /** A number as a label: whole, and not negative; -1 and NaN, with which other programs mark what is none, are 0. */
    final long label(double value, int at) {
        if (Double.isNaN(value)) {
            note("Pixels without a number (NaN) were taken as no object.");
            return 0;
        }
        if (value == -1) {
            note("Pixels of -1 were taken as no object.");
            return 0;
        }
        if (value < 0 || value != Math.rint(value) || value > Long.MAX_VALUE) {
            String shown = value == Math.rint(value) && Math.abs(value) < 1e18 ? Long.toString((long) value)
                : Double.toString(value);
            throw new SegmenterException("no-labels", title + " is no label image: it has the value " + shown
                + " at (" + at % width + ", " + at / width + ").",
                "Labels are whole numbers, and 0 where there is no object.");
        }
        return (long) value;
    }

    final void note(String words) {
        notes.add(words);
    }

    /** What was done to these labels that isn't a matter of course; empty: nothing. */
    String said() {
        return String.join(" ", notes);
    }

    private static String words(int... sizes) {
        String[] names = {"channels", "slices", "frames"};
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < 3; i++) {
            if (sizes[i] > 1) {
                text.append(text.length() == 0 ? "" : ", ").append(sizes[i]).append(' ').append(names[i]);
            }
        }
        return text.length() == 0 ? "one plane" : text.toString();
    }
}
