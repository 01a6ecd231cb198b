package org.samj.bridge.ij.images;

import ij.CompositeImage;
import ij.ImagePlus;
import ij.ImageStack;
import ij.process.ByteProcessor;
import ij.process.ColorProcessor;
import ij.process.FloatProcessor;
import ij.process.ImageProcessor;
import ij.process.LUT;
import ij.process.ShortProcessor;
import java.awt.image.ColorModel;
import org.samj.bridge.Pixels;

/**
 * A plane in the colours in which it is shown: several channels at once, or an 8-bit one under a table of colours. A
 * part is coloured by ImageJ itself, as an image of its own.
 */
final class ColourParts implements Pixels.Parts {

    private final PlaneParts[] channels;
    private final ColorModel table;
    private final LUT[] tables;
    private final boolean[] active;
    private final String projection;

    /** Of what is shown now; on the event thread. */
    ColourParts(ImagePlus imp, boolean merged) {
        Class<?> type = imp.getProcessor().getPixels().getClass();
        channels = new PlaneParts[merged ? imp.getNChannels() : 1];
        for (int c = 0; c < channels.length; c++) {
            int index = merged ? imp.getStackIndex(c + 1, imp.getZ(), imp.getT()) : imp.getCurrentSlice();
            channels[c] = new PlaneParts(imp, index, type);
        }
        // ImageJ gives copies of these.
        tables = merged ? ((CompositeImage) imp).getLuts() : null;
        active = merged ? ((CompositeImage) imp).getActiveChannels().clone() : null;
        projection = imp.getProp("CompositeProjection");
        table = merged ? null : imp.getProcessor().getColorModel();
    }

    @Override
    public Object read(int x, int y, int columns, int rows) {
        ImageStack stack = new ImageStack(columns, rows);
        for (PlaneParts channel : channels) {
            stack.addSlice(processor(channel.read(x, y, columns, rows), columns, rows));
        }
        if (tables == null) {
            ImageProcessor only = stack.getProcessor(1);
            only.setColorModel(table);
            return new ColorProcessor(only.createImage()).getPixels();
        }
        ImagePlus plain = new ImagePlus("", stack);
        plain.setDimensions(channels.length, 1, 1);
        CompositeImage part = new CompositeImage(plain, CompositeImage.COMPOSITE);
        if (projection != null) {
            part.setProp("CompositeProjection", projection);
        }
        part.setLuts(tables);
        System.arraycopy(active, 0, part.getActiveChannels(), 0, active.length);
        part.updateImage();
        return new ColorProcessor(part.getImage()).getPixels();
    }

    @Override
    public long sum(int x, int y, int columns, int rows) {
        long all = 0;
        for (PlaneParts channel : channels) {
            all = 31 * all + channel.sum(x, y, columns, rows);
        }
        return all;
    }

    /** A number that changes when the colours do. */
    long shown() {
        Sums sums = new Sums();
        for (LUT one : tables == null ? new LUT[0] : tables) {
            sums.add(one.getBytes(), 0, one.getBytes().length).add(new float[] {(float) one.min, (float) one.max}, 0, 2);
        }
        return 31 * (31 * sums.value() + java.util.Arrays.hashCode(active))
            + (table == null ? String.valueOf(projection).hashCode() : table.hashCode());
    }

    private static ImageProcessor processor(Object pixels, int columns, int rows) {
        if (pixels instanceof byte[]) {
            return new ByteProcessor(columns, rows, (byte[]) pixels);
        }
        return pixels instanceof short[] ? new ShortProcessor(columns, rows, (short[]) pixels, null)
            : new FloatProcessor(columns, rows, (float[]) pixels);
    }
}
