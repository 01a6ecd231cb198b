package org.samj.bridge.ij;

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

/** One plane of an image as the user sees it: which one, and its pixels when they are asked for. */
final class Plane {

    final ImagePlus imp;
    final int stackIndex;
    private final int c;
    private final int z;
    private final int t;
    private final double[] range;
    private final int[] colours;

    private Plane(ImagePlus imp, double[] range, int[] colours) {
        this.imp = imp;
        this.stackIndex = imp.getCurrentSlice();
        // Several channels at once are one plane: their ROIs belong to none of them.
        this.c = isMerged(imp) ? 0 : imp.getC();
        this.z = imp.getZ();
        this.t = imp.getT();
        this.range = range;
        this.colours = colours;
    }

    /** The plane that is shown now. On the event thread: the user may turn to another at any moment. */
    static Plane shown(ImagePlus imp) {
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

    /** Its pixels. Off the event thread: a virtual stack reads them from the disk. */
    Pixels pixels() {
        Object array = colours != null ? colours
            : imp.getStackSize() == 1 ? imp.getProcessor().getPixels() : imp.getStack().getPixels(stackIndex);
        return new Pixels(array, imp.getWidth(), imp.getHeight(), range);
    }

    /** Tells one plane from another within an image. */
    String key() {
        return c == 0 ? "merged " + z + " " + t : "plane " + stackIndex;
    }

    /** The key of the plane that is shown now. */
    static String shownKey(ImagePlus imp) {
        return isMerged(imp) ? "merged " + imp.getZ() + " " + imp.getT() : "plane " + imp.getCurrentSlice();
    }

    private static boolean isMerged(ImagePlus imp) {
        return imp.isComposite() && ((CompositeImage) imp).getMode() == IJ.COMPOSITE && imp.getNChannels() > 1;
    }

    /** Whether a ROI belongs to this plane: it has its position, or none. */
    boolean has(Roi roi) {
        if (imp.getStackSize() == 1 || !roi.hasHyperStackPosition() && roi.getPosition() == 0) {
            return true;
        }
        if (!roi.hasHyperStackPosition()) {
            return roi.getPosition() == stackIndex;
        }
        return (roi.getCPosition() == 0 || c == 0 || roi.getCPosition() == c)
            && (roi.getZPosition() == 0 || roi.getZPosition() == z)
            && (roi.getTPosition() == 0 || roi.getTPosition() == t);
    }

    /** Write the plane's position into a ROI, as ImageJ does for one drawn there. */
    void place(Roi roi) {
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
