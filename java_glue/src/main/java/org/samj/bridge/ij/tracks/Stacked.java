package org.samj.bridge.ij.tracks;

import ij.ImagePlus;
import ij.gui.Roi;
import ij.plugin.frame.RoiManager;
import org.samj.bridge.Pixels;
import org.samj.bridge.Planes;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.ij.images.Plane;
import org.samj.bridge.ij.results.Keeping;

/** The slices or frames of an image, in the channel and at the frame or slice that was shown when this was made. */
public final class Stacked implements Planes {

    final ImagePlus imp;
    private final boolean frames;
    private final int c;
    private final int z;
    private final int t;
    private final int width;
    private final int height;
    private final int count;

    private Stacked(ImagePlus imp, boolean frames) {
        this.imp = imp;
        this.frames = frames;
        this.c = imp.getC();
        this.z = imp.getZ();
        this.t = imp.getT();
        this.width = imp.getWidth();
        this.height = imp.getHeight();
        this.count = frames ? imp.getNFrames() : imp.getNSlices();
    }

    /**
     * An image's stack.
     *
     * @param axis z or t; empty: the only one there is
     * @throws SegmenterException there is none, or it has to be said which
     */
    public static Stacked of(ImagePlus imp, String axis) {
        boolean slices = imp.getNSlices() > 1;
        boolean frames = imp.getNFrames() > 1;
        if (axis.isEmpty() && slices && frames) {
            throw new SegmenterException("axis-unclear", imp.getTitle() + " has " + imp.getNSlices() + " slices and "
                + imp.getNFrames() + " frames.", "Say which to go through: axis=z for slices, axis=t for frames.");
        }
        if (axis.equals("z") ? !slices : axis.equals("t") ? !frames : !slices && !frames) {
            throw new SegmenterException("no-stack", imp.getTitle() + " has no " + (axis.equals("t") ? "frames"
                : axis.equals("z") ? "slices" : "slices or frames") + " to go through.", "Open a stack.");
        }
        if (!axis.isEmpty() && !axis.equals("z") && !axis.equals("t")) {
            throw new SegmenterException("bad-option", "axis=" + axis + " is neither z nor t.", "");
        }
        return new Stacked(imp, axis.isEmpty() ? frames : axis.equals("t"));
    }

    @Override
    public int count() {
        return count;
    }

    @Override
    public int width() {
        return width;
    }

    @Override
    public int height() {
        return height;
    }

    @Override
    public boolean areFrames() {
        return frames;
    }

    @Override
    public Pixels read(int index) {
        Plane[] plane = new Plane[1];
        Keeping.onEventThread(() -> {
            check();
            plane[0] = plane(index);
        });
        return plane[0].pixels();
    }

    /** A plane by its number, from 0. On the event thread. */
    Plane plane(int index) {
        return Plane.at(imp, frames ? z : index + 1, frames ? index + 1 : t);
    }

    /** Turn the image to a plane. On the event thread. */
    void show(int index) {
        if (imp.getProcessor() != null) {
            imp.setPosition(c, frames ? z : index + 1, frames ? index + 1 : t);
        }
    }

    /** The number, from 0, of the plane that is shown. */
    public int shown() {
        return (frames ? imp.getT() : imp.getZ()) - 1;
    }

    /** The number, from 0, of the plane that a ROI is on; -1: it is on another stack of the image. */
    int index(Roi roi) {
        int[] at = Plane.position(roi, imp);
        RoiManager manager = roi.getName() == null || Keeping.isWindowless() ? null : RoiManager.getInstance2();
        if (at[0] + at[1] + at[2] == 0 && manager != null) {
            // Its name may say it, as in 0002-0050-0140.
            int number = manager.getSliceNumber(roi.getName());
            at = number > 0 && number <= imp.getStackSize() ? imp.convertIndexToPosition(number) : at;
        }
        int other = frames ? at[1] : at[2];
        if (at[0] > 0 && at[0] != c && imp.getNChannels() > 1 || other > 0 && other != (frames ? z : t)) {
            return -1;
        }
        int here = frames ? at[2] : at[1];
        return here > 0 ? here - 1 : shown();
    }

    private void check() {
        if (imp.getProcessor() == null) {
            throw new SegmenterException("image-closed", imp.getTitle() + " was closed.",
                "Open it again; what was found on other planes stays as it is.");
        }
        if (imp.getWidth() != width || imp.getHeight() != height
                || (frames ? imp.getNFrames() : imp.getNSlices()) != count) {
            throw new SegmenterException("image-changed", imp.getTitle() + " has another size than before.",
                "Ask again, for the image as it is now.");
        }
    }
}
