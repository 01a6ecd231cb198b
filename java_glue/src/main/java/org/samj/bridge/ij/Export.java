package org.samj.bridge.ij;

import ij.ImagePlus;
import ij.ImageStack;
import ij.gui.Roi;
import ij.io.FileSaver;
import ij.io.RoiEncoder;
import ij.measure.Calibration;
import ij.plugin.filter.ThresholdToSelection;
import ij.process.ByteProcessor;
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
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.samj.bridge.SegmenterException;

/** What the ROI Manager holds now, whoever made it, as a label image or a file. */
final class Export {

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
    private static void fill(ImageProcessor image, Roi roi, float value) {
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

    /** GeoJSON in pixels, one feature per area with its plane, as QuPath reads it. */
    static void geoJson(File file, ImagePlus imp, Roi[] rois) {
        StringBuilder text = new StringBuilder("{\"type\": \"FeatureCollection\", \"features\": [");
        boolean first = true;
        for (int i = 0; i < rois.length; i++) {
            if (!Kinds.isArea(rois[i])) {
                continue;
            }
            text.append(first ? "\n" : ",\n").append("{\"type\": \"Feature\", \"properties\": {\"name\": ")
                .append(quote(nameOf(rois[i], i))).append(", \"label\": ").append(i + 1);
            first = false;
            String score = rois[i].getProperty("score");
            if (score != null) {
                text.append(", \"score\": ").append(Double.parseDouble(score));
            }
            text.append("}, \"geometry\": {\"type\": \"MultiPolygon\", \"coordinates\": [");
            List<List<int[]>> polygons = Rings.polygons(Rings.of(rois[i]));
            for (int p = 0; p < polygons.size(); p++) {
                text.append(p > 0 ? ", [" : "[");
                for (int r = 0; r < polygons.get(p).size(); r++) {
                    text.append(r > 0 ? ", " : "").append(closed(polygons.get(p).get(r)));
                }
                text.append(']');
            }
            text.append(']').append(plane(Plane.position(rois[i], imp))).append("}}");
        }
        save(file, text.append("\n]}\n").toString());
    }

    /**
     * COCO: one category, an image for each plane with objects (one for an image of one plane), each area by its
     * uncompressed run lengths, which hold holes as well. ROIs without a position belong to the plane that is shown.
     */
    static void coco(File file, ImagePlus imp, Roi[] rois) {
        int width = imp.getWidth();
        int height = imp.getHeight();
        Map<Integer, int[]> planes = new TreeMap<>();
        StringBuilder annotations = new StringBuilder();
        for (int i = 0; i < rois.length; i++) {
            if (!Kinds.isArea(rois[i])) {
                continue;
            }
            int[] at = Plane.position(rois[i], imp);
            int[] where = {at[0], at[1] > 0 ? at[1] : imp.getZ(), at[2] > 0 ? at[2] : imp.getT()};
            int plane = imp.getStackIndex(Math.max(where[0], 1), where[1], where[2]);
            planes.putIfAbsent(plane, where);
            ByteProcessor mask = new ByteProcessor(width, height);
            fill(mask, rois[i], 255);
            List<Integer> runs = runs(mask);
            int area = 0;
            for (int r = 1; r < runs.size(); r += 2) {
                area += runs.get(r);
            }
            Rectangle b = rois[i].getBounds().intersection(new Rectangle(width, height));
            annotations.append(annotations.length() == 0 ? "\n" : ",\n").append("{\"id\": ").append(i + 1)
                .append(", \"image_id\": ").append(plane).append(", \"category_id\": 1, \"iscrowd\": 1, \"name\": ")
                .append(quote(nameOf(rois[i], i))).append(", \"area\": ").append(area).append(", \"bbox\": [")
                .append(b.x).append(", ").append(b.y).append(", ").append(Math.max(0, b.width)).append(", ")
                .append(Math.max(0, b.height)).append("], \"segmentation\": {\"size\": [").append(height).append(", ")
                .append(width).append("], \"counts\": ").append(runs).append("}}");
        }
        StringBuilder text = new StringBuilder("{\"images\": [");
        for (Map.Entry<Integer, int[]> plane : planes.entrySet()) {
            text.append(text.charAt(text.length() - 1) == '[' ? "" : ", ").append("{\"id\": ").append(plane.getKey())
                .append(", \"file_name\": ").append(quote(imp.getTitle())).append(", \"width\": ").append(width)
                .append(", \"height\": ").append(height)
                .append(imp.getStackSize() == 1 ? "" : plane(plane.getValue())).append('}');
        }
        text.append("],\n\"categories\": [{\"id\": 1, \"name\": \"object\"}],\n\"annotations\": [");
        save(file, text.append(annotations).append("\n]}\n").toString());
    }

    /** A plane as QuPath writes it: counted from 0, channel -1 for all. Nothing for a ROI without a position. */
    private static String plane(int[] at) {
        return at[0] + at[1] + at[2] == 0 ? "" : ", \"plane\": {\"c\": " + (at[0] - 1) + ", \"z\": "
            + Math.max(at[1] - 1, 0) + ", \"t\": " + Math.max(at[2] - 1, 0) + "}";
    }

    /** Write a label image as a TIFF. */
    private static void tiff(File file, ImagePlus labels) {
        // ImageJ's own saving would ask the user to press OK where the file can't be written.
        byte[] whole = new FileSaver(labels).serialize();
        if (whole == null) {
            throw new SegmenterException("not-written", "The label image is too large for a TIFF of ImageJ's.",
                "Export fewer planes, or choose GeoJSON.");
        }
        write(file, out -> out.write(whole));
    }

    /** Save by a format's name: labels, roi, geojson or coco. Returns the label image, or null. */
    static ImagePlus as(String format, File file, ImagePlus imp, Roi[] rois) {
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
                geoJson(file, imp, rois);
                return null;
            case "coco":
                coco(file, imp, rois);
                return null;
            default:
                throw new SegmenterException("bad-option", "There is no format " + format + ".",
                    "Choose one of labels, roi, geojson, coco.");
        }
    }

    private static List<Integer> runs(ByteProcessor mask) {
        // COCO counts down the columns, background first.
        List<Integer> runs = new ArrayList<>();
        int now = 0;
        int length = 0;
        for (int x = 0; x < mask.getWidth(); x++) {
            for (int y = 0; y < mask.getHeight(); y++) {
                int value = mask.get(x, y);
                if (value == now) {
                    length++;
                } else {
                    runs.add(length);
                    length = 1;
                    now = value;
                }
            }
        }
        runs.add(length);
        return runs;
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

    private static String nameOf(Roi roi, int index) {
        return roi.getName() == null ? "roi-" + (index + 1) : roi.getName();
    }

    private static String closed(int[] ring) {
        StringBuilder text = new StringBuilder("[");
        for (int i = 0; i <= ring.length; i += 2) {
            int at = i % ring.length;
            text.append(i > 0 ? ", " : "").append('[').append(ring[at]).append(", ").append(ring[at + 1]).append(']');
        }
        return text.append(']').toString();
    }

    private static String quote(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char letter : text.toCharArray()) {
            if (letter == '"' || letter == '\\') {
                quoted.append('\\').append(letter);
            } else if (letter < 32) {
                quoted.append(String.format("\\u%04x", (int) letter));
            } else {
                quoted.append(letter);
            }
        }
        return quoted.append('"').toString();
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

    static Roi traced(ByteProcessor mask) {
        mask.setThreshold(255, 255, ImageProcessor.NO_LUT_UPDATE);
        return new ThresholdToSelection().convert(mask);
    }
}
