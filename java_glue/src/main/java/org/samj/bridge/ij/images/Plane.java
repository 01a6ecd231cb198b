package org.samj.bridge.ij.images;

import ij.CompositeImage;
import ij.IJ;
import ij.ImagePlus;
import ij.gui.Roi;
import ij.process.ColorProcessor;
import ij.process.ImageProcessor;
import java.util.zip.CRC32;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.samj.bridge.Pixels;
import org.samj.bridge.SegmenterException;

/** One plane of an image as the user sees it: which one, and its pixels when they are asked for. */
public final class Plane {

    public final ImagePlus imp;
    public final int stackIndex;
    private final int width;
    private final int height;
    private final int c;
    private final int z;
    private final int t;
    private final double[] range;
    private final int[] colours;

    private Plane(ImagePlus imp, double[] range, int[] colours) {
        this.imp = imp;
        this.width = imp.getWidth();
        this.height = imp.getHeight();
        this.stackIndex = imp.getCurrentSlice();
        // Several channels at once are one plane: their ROIs belong to none of them.
        this.c = isMerged(imp) ? 0 : imp.getC();
        this.z = imp.getZ();
        this.t = imp.getT();
        this.range = range;
        this.colours = colours;
    }

    /** Which plane is shown now, without its pixels: enough to find what is known of it. */
    public static Plane named(ImagePlus imp) {
        return new Plane(imp, null, null);
    }

    /** The plane that is shown now. On the event thread: the user may turn to another at any moment. */
    public static Plane shown(ImagePlus imp) {
        ImageProcessor processor = imp.getProcessor();
        boolean coloured = imp.getBitDepth() == 8 && processor.isColorLut() && !processor.isPseudoColorLut();
        if (isMerged(imp) || coloured) {
            return new Plane(imp, null, (int[]) new ColorProcessor(imp.getImage()).getPixels());
        }
        if (imp.getBitDepth() == 24) {
            return new Plane(imp, null, null);
        }
        double low = imp.getDisplayRangeMin();
        double high = imp.getDisplayRangeMax();
        if (!(low < high) || Double.isInfinite(low) || Double.isInfinite(high)) {
            return new Plane(imp, null, null);
        }
        boolean inverted = imp.isInvertedLut() && !imp.isComposite();
        return new Plane(imp, inverted ? new double[] {high, low} : new double[] {low, high}, null);
    }

    /**
     * Its pixels. Off the event thread: a virtual stack reads them from the disk.
     *
     * @throws SegmenterException the image was closed meanwhile
     */
    public Pixels pixels() {
        Object array = colours;
        if (array == null) {
            ImageProcessor processor = imp.getProcessor();
            array = processor == null ? null
                : imp.getStackSize() == 1 ? processor.getPixels() : imp.getStack().getPixels(stackIndex);
        }
        if (array == null) {
            throw new SegmenterException("image-closed", imp.getTitle() + " was closed.", "Open it again.");
        }
        return new Pixels(array, width, height, range);
    }

    /** Tells one plane from another within an image. */
    public String key() {
        return c == 0 ? "merged " + z + " " + t : "plane " + stackIndex;
    }

    /** The key of the plane that is shown now. */
    public static String shownKey(ImagePlus imp) {
        return isMerged(imp) ? "merged " + imp.getZ() + " " + imp.getT() : "plane " + imp.getCurrentSlice();
    }

    private static boolean isMerged(ImagePlus imp) {
        return imp.isComposite() && ((CompositeImage) imp).getMode() == IJ.COMPOSITE && imp.getNChannels() > 1;
    }

    /** Whether a ROI belongs to this plane: it has its position, or none. */
    public boolean has(Roi roi) {
        return isAt(roi, imp, c, z, t);
    }

    /** Whether a ROI belongs to a plane of an image: it has its position, or none. Channel 0: all of them. */
    public static boolean isAt(Roi roi, ImagePlus imp, int c, int z, int t) {
        if (imp.getStackSize() == 1) {
            return true;
        }
        int[] at = position(roi, imp);
        return (at[0] == 0 || c == 0 || at[0] == c) && (at[1] == 0 || at[1] == z) && (at[2] == 0 || at[2] == t);
    }

    /** Channel, slice and frame of a ROI in an image, from 1; 0: every one. */
    public static int[] position(Roi roi, ImagePlus imp) {
        if (roi.hasHyperStackPosition()) {
            return new int[] {roi.getCPosition(), roi.getZPosition(), roi.getTPosition()};
        }
        int index = roi.getPosition();
        boolean there = index > 0 && index <= imp.getStackSize() && imp.getStackSize() > 1;
        return there ? imp.convertIndexToPosition(index) : new int[3];
    }

    /** Write the plane's position into a ROI, as ImageJ does for one drawn there. */
    public void place(Roi roi) {
        if (imp.getStackSize() == 1) {
            return;
        }
        if (imp.isHyperStack() || imp.isComposite()) {
            roi.setPosition(c, z, t);
        } else {
            roi.setPosition(stackIndex);
        }
    }

    /** A number that changes when pixels or display range do: whoever filters an image gets it encoded again. */
    static long sum(Pixels pixels) {
        CRC32 crc = new CRC32();
        Object array = pixels.array;
        if (array instanceof byte[]) {
            crc.update((byte[]) array, 0, ((byte[]) array).length);
        } else {
            ByteBuffer piece = ByteBuffer.allocate(1 << 16).order(ByteOrder.nativeOrder());
            int count = pixels.width * pixels.height;
            int each = array instanceof short[] ? 2 : 4;
            for (int from = 0; from < count; from += piece.capacity() / each) {
                int length = Math.min(piece.capacity() / each, count - from);
                if (array instanceof short[]) {
                    piece.asShortBuffer().put((short[]) array, from, length);
                } else if (array instanceof int[]) {
                    piece.asIntBuffer().put((int[]) array, from, length);
                } else {
                    piece.asFloatBuffer().put((float[]) array, from, length);
                }
                crc.update(piece.array(), 0, length * each);
            }
        }
        return crc.getValue() * 31 + java.util.Arrays.hashCode(pixels.range);
    }
}
