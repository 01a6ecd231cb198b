package org.samj.bridge.ij.images;

import ij.ImagePlus;
import ij.ImageStack;
import ij.VirtualStack;
import ij.process.ImageProcessor;
import java.io.File;
import java.lang.ref.Reference;
import java.lang.ref.SoftReference;
import java.lang.reflect.Array;
import org.samj.bridge.Pixels;
import org.samj.bridge.SegmenterException;

/**
 * One plane of a stack, of which only the parts that are needed are copied. What ImageJ has in memory is read there; a
 * plane of a virtual stack that is not the one shown is read from the disk, and let go of when memory is short.
 */
final class PlaneParts implements Pixels.Parts {

    private final ImagePlus imp;
    private final int index;
    private final int width;
    private final int height;
    private final Class<?> type;
    private final String title;
    private Reference<Object> read = new SoftReference<>(null);

    /** A plane by its number in the stack, from 1, as it is now: with this size, and elements of this type. */
    PlaneParts(ImagePlus imp, int index, Class<?> type) {
        this.imp = imp;
        this.index = index;
        this.width = imp.getWidth();
        this.height = imp.getHeight();
        this.type = type;
        this.title = imp.getTitle();
    }

    @Override
    public Object read(int x, int y, int columns, int rows) {
        Object all = elements();
        Object part = Array.newInstance(type.getComponentType(), columns * rows);
        for (int row = 0; row < rows; row++) {
            System.arraycopy(all, (y + row) * width + x, part, row * columns, columns);
        }
        return part;
    }

    @Override
    public long sum(int x, int y, int columns, int rows) {
        Object all = elements();
        Sums sums = new Sums();
        if (columns == width) {
            return sums.add(all, y * width, columns * rows).value();
        }
        for (int row = 0; row < rows; row++) {
            sums.add(all, (y + row) * width + x, columns);
        }
        return sums.value();
    }

    /** All of the plane's elements, where they are: not a copy. */
    synchronized Object elements() {
        Object found = inMemory();
        if (found == null) {
            found = read.get();
        }
        if (found == null) {
            found = fromStack();
            read = new SoftReference<>(found);
        }
        if (!type.isInstance(found) || Array.getLength(found) != width * height) {
            throw new SegmenterException("image-changed", title + " has another size or type than before.",
                "Ask again, for the image as it is now.");
        }
        return found;
    }

    /** What ImageJ itself holds; null: it is on the disk. */
    private Object inMemory() {
        // While ImageJ turns to another plane it has this lock, and what it holds is neither.
        synchronized (imp) {
            ImageProcessor shown = imp.getProcessor();
            if (shown == null) {
                throw new SegmenterException("image-closed", title + " was closed.", "Open it again.");
            }
            ImageStack stack = imp.getStackSize() > 1 ? imp.getStack() : null;
            if (stack == null || stack.isVirtual() && imp.getCurrentSlice() == index) {
                return shown.getPixels();
            }
            if (index > stack.getSize()) {
                throw new SegmenterException("image-changed", title + " has no plane " + index + " any more.",
                    "Ask again, for the image as it is now.");
            }
            return stack.isVirtual() ? null : stack.getPixels(index);
        }
    }

    private Object fromStack() {
        ImageStack stack = imp.getStack();
        File file = stack instanceof VirtualStack ? file((VirtualStack) stack) : null;
        ImageProcessor plane = null;
        Throwable cause = null;
        // ImageJ shows a black plane for one that it can't read.
        if (file == null || file.canRead()) {
            try {
                plane = stack.getProcessor(index);
            } catch (RuntimeException error) {
                cause = error;
            }
        }
        if (plane == null) {
            throw new SegmenterException("plane-unreadable", "Plane " + index + " of " + title + " can't be read"
                + (file == null ? "" : " from " + file) + (cause == null ? "." : ": " + cause + "."),
                "Is the file still there, whole, and its drive connected? Open the image again then.");
        }
        return plane.getPixels();
    }

    private File file(VirtualStack stack) {
        String folder = stack.getDirectory();
        String name = index <= stack.getSize() ? stack.getFileName(index) : null;
        return folder == null || folder.isEmpty() || name == null || folder.contains("://") ? null
            : new File(folder, name);
    }
}
