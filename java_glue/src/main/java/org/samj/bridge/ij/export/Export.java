package org.samj.bridge.ij.export;

import ij.ImagePlus;
import ij.ImageStack;
import ij.gui.Roi;
import ij.io.FileSaver;
import ij.io.RoiEncoder;
import ij.measure.Calibration;
import ij.process.FloatProcessor;
import ij.process.ImageProcessor;
import ij.process.LUT;
import ij.process.ShortProcessor;
import java.awt.Rectangle;
import java.io.BufferedOutputStream;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.ij.images.Plane;
import org.samj.bridge.ij.rois.Kinds;

/** What the ROI Manager holds now, whoever made it, as a label image or a file. */
public final class Export {

    private Export() {
    }

    /**
     * A label image: pixel value n is the n-th ROI of the list. Where two overlap, the earlier one has the pixel. 16
     * bits, or 32 for more than 65,535 ROIs. A stack has a label plane for each of its planes, channels counting as one
     * where no ROI names any; ROIs without a position are on all of them. Spatial calibration as in the image.
     */
    static ImagePlus labels(ImagePlus imp, Roi[] rois) {
        boolean channels = false;
        for (Roi roi : rois) {
            channels |= Kinds.isArea(roi) && Plane.position(roi, imp)[0] > 0;
        }
        int nC = channels ? imp.getNChannels() : 1;
        ImageStack stack = new ImageStack(imp.getWidth(), imp.getHeight());
        for (int t = 1; t <= imp.getNFrames(); t++) {
            for (int z = 1; z <= imp.getNSlices(); z++) {
                for (int c = 1; c <= nC; c++) {
                    stack.addSlice(labels(imp, rois, channels ? c : 0, z, t));
                }
            }
        }
        ImagePlus made = new ImagePlus(imp.getShortTitle() + "-labels", stack);
        made.setDimensions(nC, imp.getNSlices(), imp.getNFrames());
        made.setOpenAsHyperStack(imp.isHyperStack() && stack.size() > 1);
        Calibration calibration = imp.getCalibration().copy();
        // Labels are numbers of objects, whatever the image's values mean.
        calibration.setFunction(Calibration.NONE, null, "Gray Value");
        made.setCalibration(calibration);
        made.getProcessor().setLut(colours());
        made.setDisplayRange(0, Math.max(rois.length, 255));
        return made;
    }

    private static ImageProcessor labels(ImagePlus imp, Roi[] rois, int c, int z, int t) {
        int width = imp.getWidth();
        int height = imp.getHeight();
        ImageProcessor labels = rois.length > 65_535 ? new FloatProcessor(width, height)
            : new ShortProcessor(width, height);
        for (int i = rois.length - 1; i >= 0; i--) {
            if (Kinds.isArea(rois[i]) && Plane.isAt(rois[i], imp, c, z, t)) {
                fill(labels, rois[i], i + 1f);
            }
        }
        return labels;
    }

    /** Give the pixels of a ROI that lie in an image a value. */
    static void fill(ImageProcessor image, Roi roi, float value) {
        Rectangle b = roi.getBounds();
        ImageProcessor mask = roi.getMask();
        for (int y = Math.max(0, b.y); y < Math.min(image.getHeight(), b.y + b.height); y++) {
            for (int x = Math.max(0, b.x); x < Math.min(image.getWidth(), b.x + b.width); x++) {
                if (mask == null || mask.get(x - b.x, y - b.y) != 0) {
                    image.setf(x, y, value);
                }
            }
        }
    }

    /** An ImageJ ROI zip, as the ROI Manager saves it. */
    static void zip(File file, Roi[] rois) {
        write(file, out -> {
            ZipOutputStream zip = new ZipOutputStream(out);
            RoiEncoder encoder = new RoiEncoder(zip);
            Set<String> taken = new HashSet<>();
            for (int i = 0; i < rois.length; i++) {
                String name = rois[i].getName() == null ? "roi-" + (i + 1) : rois[i].getName();
                String own = name;
                for (int n = 2; !taken.add(own); n++) {
                    own = name + "-" + n;
                }
                zip.putNextEntry(new ZipEntry(own + ".roi"));
                encoder.write(rois[i]);
                zip.closeEntry();
            }
            zip.finish();
        });
    }

    /** Write a label image as a TIFF. */
    private static void tiff(File file, ImagePlus labels) {
        // ImageJ's own saving would ask the user to press OK where the file can't be written.
        byte[] whole = new FileSaver(labels).serialize();
        if (whole == null) {
            throw new SegmenterException("not-written", "The label image is too large for a TIFF of ImageJ's.",
                "Export fewer planes, or choose GeoJSON.");
        }
        write(file, out -> out.write(Mark.marked(whole)));
    }

    /** Save by a format's name: labels, roi, geojson or coco. Returns the label image, or null. */
    public static ImagePlus as(String format, File file, ImagePlus imp, Roi[] rois) {
        if (rois.length == 0) {
            throw new SegmenterException("no-rois", "The ROI Manager is empty: there is nothing to export.",
                "Accept an object first, or add a selection with t.");
        }
        if (!"roi".equals(format) && Arrays.stream(rois).noneMatch(Kinds::isArea)) {
            throw new SegmenterException("no-areas", "The ROI Manager has lines, points or texts only: none of its "
                + rois.length + " entries is an area.", "Choose the ROI zip, which holds every kind.");
        }
        switch (format) {
            case "labels":
                ImagePlus labels = labels(imp, rois);
                if (file != null) {
                    tiff(file, labels);
                }
                return labels;
            case "roi":
                zip(file, rois);
                return null;
            case "geojson":
                save(file, Json.geoJson(imp, rois));
                return null;
            case "coco":
                save(file, Json.coco(imp, rois));
                return null;
            default:
                throw new SegmenterException("bad-option", "There is no format " + format + ".",
                    "Choose one of labels, roi, geojson, coco.");
        }
    }

    private static LUT colours() {
        Random random = new Random(7);
        byte[][] table = new byte[3][256];
        for (int i = 1; i < 256; i++) {
            java.awt.Color colour = java.awt.Color.getHSBColor(random.nextFloat(), 0.55f + 0.4f * random.nextFloat(),
                0.7f + 0.3f * random.nextFloat());
            table[0][i] = (byte) colour.getRed();
            table[1][i] = (byte) colour.getGreen();
            table[2][i] = (byte) colour.getBlue();
        }
        return new LUT(table[0], table[1], table[2]);
    }

    private static void save(File file, String text) {
        write(file, out -> out.write(text.getBytes(StandardCharsets.UTF_8)));
    }

    private interface Writer {
        void to(BufferedOutputStream out) throws IOException;
    }

    /** Write a file whole or not at all. */
    private static void write(File file, Writer writer) {
        Path target = file.toPath().toAbsolutePath();
        Path part = target.resolveSibling("." + target.getFileName() + ".part");
        try {
            try (BufferedOutputStream out = new BufferedOutputStream(new FileOutputStream(part.toFile()))) {
                writer.to(out);
            }
            Files.move(part, target, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException error) {
            try {
                Files.deleteIfExists(part);
            } catch (IOException left) {
                error.addSuppressed(left);
            }
            SegmenterException told = new SegmenterException("not-written", file + " could not be written: "
                + error.getMessage() + ".", "Choose another folder, or free some space.");
            told.initCause(error);
            throw told;
        }
    }
}
