package org.samj.bridge.ij.export;

import ij.ImagePlus;
import ij.gui.Roi;
import ij.process.ByteProcessor;
import java.awt.Color;
import java.awt.Rectangle;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.samj.bridge.ij.images.Plane;
import org.samj.bridge.ij.results.Classes;
import org.samj.bridge.ij.rois.Kinds;
import org.samj.bridge.ij.rois.Rings;

/** Areas of a list of ROIs as text in JSON: GeoJSON and COCO. */
final class Json {

    /** COCO's category of objects without a class; a class has the number of its group after it. */
    private static final int NO_CLASS = 1;

    private Json() {
    }

    /** GeoJSON in pixels, one feature per area with its plane and class, as QuPath reads it. */
    static String geoJson(ImagePlus imp, Roi[] rois) {
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
            text.append(forQuPath(rois[i], i + 1, score));
            text.append(classification(Classes.of(rois[i])));
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
        return text.append("\n]}\n").toString();
    }

    /** What QuPath shows and keeps: numbers as measurements, texts as metadata; it drops other properties. */
    private static String forQuPath(Roi roi, int label, String score) {
        StringBuilder text = new StringBuilder(", \"measurements\": {\"SAMJ label\": ").append(label);
        if (score != null) {
            text.append(", \"SAMJ score\": ").append(Double.parseDouble(score));
        }
        text.append("}, \"metadata\": {");
        String between = "";
        for (String key : new String[] {"model", "prompt"}) {
            String value = roi.getProperty(key);
            if (value != null) {
                text.append(between).append(quote("SAMJ " + key)).append(": ").append(quote(value));
                between = ", ";
            }
        }
        return text.append('}').toString();
    }

    /** A class as QuPath writes it. Without a colour QuPath chooses one. */
    private static String classification(String name) {
        if (name.isEmpty()) {
            return "";
        }
        Color colour = Classes.colour(name);
        String rgb = colour == null ? "" : ", \"color\": [" + colour.getRed() + ", " + colour.getGreen() + ", "
            + colour.getBlue() + "]";
        return ", \"objectType\": \"annotation\", \"classification\": {\"name\": " + quote(name) + rgb + "}";
    }

    /**
     * COCO: a category for each class, an image for each plane with objects (one for an image of one plane), each area
     * by its uncompressed run lengths, which hold holes as well. ROIs without a position belong to the plane that is
     * shown.
     */
    static String coco(ImagePlus imp, Roi[] rois) {
        int width = imp.getWidth();
        int height = imp.getHeight();
        Map<Integer, int[]> planes = new TreeMap<>();
        Map<Integer, String> categories = new TreeMap<>();
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
            Export.fill(mask, rois[i], 255);
            List<Integer> runs = runs(mask);
            int area = 0;
            for (int r = 1; r < runs.size(); r += 2) {
                area += runs.get(r);
            }
            Rectangle b = rois[i].getBounds().intersection(new Rectangle(width, height));
            annotations.append(annotations.length() == 0 ? "\n" : ",\n").append("{\"id\": ").append(i + 1)
                .append(", \"image_id\": ").append(plane).append(", \"category_id\": ")
                .append(category(Classes.of(rois[i]), categories)).append(", \"iscrowd\": 1, \"name\": ")
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
        text.append("],\n\"categories\": [");
        categories.forEach((id, name) -> text.append(text.charAt(text.length() - 1) == '[' ? "" : ", ")
            .append("{\"id\": ").append(id).append(", \"name\": ").append(quote(name)).append('}'));
        return text.append("],\n\"annotations\": [").append(annotations).append("\n]}\n").toString();
    }

    /** The category of a class: by its group, so that it is the same in the files of all images. */
    private static int category(String name, Map<Integer, String> categories) {
        int group = Classes.number(name);
        int id = NO_CLASS + group;
        if (group == 0 && !name.isEmpty()) {
            // No group of this ImageJ has the name: the next numbers that no group can have.
            id = NO_CLASS + Classes.MOST + 1;
            while (categories.containsKey(id) && !name.equals(categories.get(id))) {
                id++;
            }
        }
        categories.putIfAbsent(id, name.isEmpty() ? "object" : name);
        return id;
    }

    /** A plane as QuPath writes it: counted from 0, channel -1 for all. Nothing for a ROI without a position. */
    private static String plane(int[] at) {
        return at[0] + at[1] + at[2] == 0 ? "" : ", \"plane\": {\"c\": " + (at[0] - 1) + ", \"z\": "
            + Math.max(at[1] - 1, 0) + ", \"t\": " + Math.max(at[2] - 1, 0) + "}";
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
}
