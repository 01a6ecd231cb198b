package org.samj.bridge.ij.images;

import ij.CompositeImage;
import ij.IJ;
import ij.ImagePlus;
import ij.gui.Roi;
import ij.process.ColorProcessor;
import ij.process.ImageProcessor;
import java.lang.reflect.Array;
import org.samj.bridge.Pixels;
import org.samj.bridge.SegmenterException;

/** One plane of an image as the user sees it: which one, and its pixels when they are asked for. */
public final class Plane {

    private static final int LARGE_PX = 2048;

    public final ImagePlus imp;
    public final int stackIndex;
    private final int width;
    private final int height;
    private final int c;
    private final int z;
    private final int t;
    private final double[] range;
    private final PlaneParts grey;
    /** Null: shown in greys; elements, or of a large plane its {@link ColourParts}. */
    private final Object colours;

    private Plane(ImagePlus imp, double[] range, PlaneParts grey, Object colours) {
        this(imp, imp.getCurrentSlice(), new int[] {imp.getC(), imp.getZ(), imp.getT()}, range, grey, colours);
    }

    private Plane(ImagePlus imp, int stackIndex, int[] position, double[] range, PlaneParts grey, Object colours) {
        this.imp = imp;
        this.width = imp.getWidth();
        this.height = imp.getHeight();
        this.stackIndex = stackIndex;
        // Several channels at once are one plane: their ROIs belong to none of them.
        this.c = isMerged(imp) ? 0 : position[0];
        this.z = position[1];
        this.t = position[2];
        this.range = range;
        this.grey = grey;
        this.colours = colours;
    }

    /** Which plane is shown now, without its pixels: enough to find what is known of it. */
    public static Plane named(ImagePlus imp) {
        return new Plane(imp, null, null, null);
    }

    /** The plane that is shown now. On the event thread: the user may turn to another at any moment. */
    public static Plane shown(ImagePlus imp) {
        ImageProcessor processor = imp.getProcessor();
        PlaneParts grey = new PlaneParts(imp, imp.getCurrentSlice(), processor.getPixels().getClass());
        if (isColoured(imp)) {
            return new Plane(imp, null, grey, isLarge(imp.getWidth(), imp.getHeight())
                ? new ColourParts(imp, isMerged(imp)) : new ColorProcessor(imp.getImage()).getPixels());
        }
        return new Plane(imp, range(imp), grey, null);
    }

    /**
     * Another plane of the channel that is shown, as the user sees it who turns to it. Where what is seen are colours,
     * the image turns to it: only ImageJ itself can show them. On the event thread.
     */
    public static Plane at(ImagePlus imp, int z, int t) {
        if (isColoured(imp)) {
            imp.setPosition(imp.getC(), z, t);
            return shown(imp);
        }
        int index = imp.getStackIndex(imp.getC(), z, t);
        PlaneParts grey = new PlaneParts(imp, index, imp.getProcessor().getPixels().getClass());
        return new Plane(imp, index, new int[] {imp.getC(), z, t}, range(imp), grey, null);
    }

    private static boolean isColoured(ImagePlus imp) {
        ImageProcessor processor = imp.getProcessor();
        return isMerged(imp) || imp.getBitDepth() == 8 && processor.isColorLut() && !processor.isPseudoColorLut();
    }

    /** The display range of an image that is shown in greys; null: it has none. */
    private static double[] range(ImagePlus imp) {
        double low = imp.getDisplayRangeMin();
        double high = imp.getDisplayRangeMax();
        if (imp.getBitDepth() == 24 || !(low < high) || Double.isInfinite(low) || Double.isInfinite(high)) {
            return null;
        }
        boolean inverted = imp.isInvertedLut() && !imp.isComposite();
        return inverted ? new double[] {high, low} : new double[] {low, high};
    }

    /**
     * Its pixels; of a large plane, where parts of it are read. Off the event thread: a virtual stack reads them from
     * the disk.
     *
     * @throws SegmenterException the image was closed meanwhile, or can't be read
     */
    public Pixels pixels() {
        if (colours instanceof int[]) {
            return new Pixels(colours, width, height, range);
        }
        if (isLarge(width, height)) {
            Object elements = grey.elements();
            Object type = colours == null ? Array.newInstance(elements.getClass().getComponentType(), 0) : new int[0];
            return Pixels.inParts(colours == null ? grey : (ColourParts) colours, type, width, height, range);
        }
        return new Pixels(grey.elements(), width, height, range);
    }

    /** Whether a plane is so large that only parts of it are handed over: no model sees more than this in one piece. */
    private static boolean isLarge(int width, int height) {
        return Math.max(width, height) > LARGE_PX;
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

    /**
     * A number that changes when pixels or display range do. Of one that is read in parts only what all of them have in
     * common: whoever reads a part asks about its pixels.
     */
    static long sum(Pixels pixels) {
        long shown = java.util.Arrays.hashCode(pixels.range);
        if (pixels.parts == null) {
            return new Sums().add(pixels.array, 0, pixels.width * pixels.height).value() * 31 + shown;
        }
        shown = 31 * shown + (31L * pixels.width + pixels.height);
        if (pixels.parts instanceof ColourParts) {
            return 31 * shown + ((ColourParts) pixels.parts).shown();
        }
        shown = 31 * shown + pixels.array.getClass().getName().hashCode();
        // Where no range is given, it comes from the pixels.
        boolean found = pixels.range == null && !(pixels.array instanceof int[]);
        return found ? 31 * shown + pixels.parts.sum(0, 0, pixels.width, pixels.height) : shown;
    }
}
