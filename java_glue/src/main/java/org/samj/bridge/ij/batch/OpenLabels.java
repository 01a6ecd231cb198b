package org.samj.bridge.ij.batch;

import ij.ImagePlus;
import ij.process.ByteProcessor;
import ij.process.ImageProcessor;
import org.samj.bridge.SegmenterException;

/** Labels that are open in ImageJ. */
final class OpenLabels extends LabelSource {

    private final ImagePlus imp;

    OpenLabels(ImagePlus imp) {
        super(imp.getTitle(), imp.getWidth(), imp.getHeight(), imp.getNChannels(), imp.getNSlices(), imp.getNFrames());
        this.imp = imp;
    }

    @Override
    String trouble(ImagePlus other) {
        String trouble = super.trouble(other);
        return trouble.isEmpty() && imp.getBitDepth() == 24 ? title + " is a colour image: labels are numbers." : trouble;
    }

    @Override
    long[] values(int plane) {
        ImageProcessor pixels = pixels(plane);
        // ImageJ keeps signed 16-bit numbers 32,768 higher than they are.
        int lower = imp.getCalibration().isSigned16Bit() ? 32_768 : 0;
        boolean wide = imp.getBitDepth() == 32;
        long[] values = new long[pixels.getPixelCount()];
        for (int i = 0; i < values.length; i++) {
            values[i] = wide ? label(pixels.getf(i), i) : lower > 0 ? label(pixels.get(i) - lower, i) : pixels.get(i);
            if (wide && values[i] >= EXACT) {
                throw new SegmenterException("no-labels", title + " has the label " + values[i] + ": beyond "
                    + EXACT + " ImageJ's 32-bit images can't tell labels apart.",
                    "Number the labels anew from 1. Or name the file itself: labels=[PATH] reads it exactly.");
            }
        }
        return values;
    }

    @Override
    boolean isMask(int plane) {
        ImageProcessor pixels = pixels(plane);
        return pixels instanceof ByteProcessor && ((ByteProcessor) pixels).isBinary();
    }

    private ImageProcessor pixels(int plane) {
        return imp.getStackSize() == 1 ? imp.getProcessor() : imp.getStack().getProcessor(plane);
    }
}
