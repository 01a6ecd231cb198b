package org.samj.bridge.ij.rois;

import ij.gui.PolygonRoi;
import ij.gui.Roi;
import ij.gui.ShapeRoi;
import ij.plugin.filter.ThresholdToSelection;
import ij.process.ByteProcessor;
import ij.process.ImageProcessor;
import java.awt.Polygon;
import java.awt.Rectangle;
import java.util.ArrayList;
import java.util.List;

/** The exact pixel outline of any ROI with an area: rings of whole numbers on pixel corners. */
public final class Rings {

    private Rings() {
    }

    /** Rings x0, y0, x1, y1, ... of exactly the pixels of a ROI's mask. */
    public static List<int[]> of(Roi roi) {
        Rectangle b = roi.getBounds();
        ByteProcessor mask = new ByteProcessor(b.width, b.height);
        ImageProcessor own = roi.getMask();
        for (int y = 0; y < b.height; y++) {
            for (int x = 0; x < b.width; x++) {
                mask.set(x, y, own == null || own.get(x, y) != 0 ? 255 : 0);
            }
        }
        return of(mask, b.x, b.y);
    }

    /** Rings of the pixels that are 255 in a mask, whose first pixel is (x, y) of the image. */
    public static List<int[]> of(ByteProcessor mask, int x, int y) {
        List<int[]> rings = new ArrayList<>();
        Roi traced = traced(mask);
        if (traced == null) {
            return rings;
        }
        Roi[] parts = traced instanceof ShapeRoi ? ((ShapeRoi) traced).getRois() : new Roi[] {traced};
        for (Roi part : parts) {
            Polygon polygon = part.getPolygon();
            if (part instanceof PolygonRoi || polygon.npoints > 2) {
                int[] ring = new int[2 * polygon.npoints];
                for (int i = 0; i < polygon.npoints; i++) {
                    ring[2 * i] = polygon.xpoints[i] + x;
                    ring[2 * i + 1] = polygon.ypoints[i] + y;
                }
                rings.add(ring);
            }
        }
        return rings;
    }

    private static Roi traced(ByteProcessor mask) {
        mask.setThreshold(255, 255, ImageProcessor.NO_LUT_UPDATE);
        return new ThresholdToSelection().convert(mask);
    }

    /** Rings as polygons: an exterior, then the holes in it. */
    public static List<List<int[]>> polygons(List<int[]> rings) {
        List<List<int[]>> polygons = new ArrayList<>();
        List<int[]> holes = new ArrayList<>();
        for (int i = 0; i < rings.size(); i++) {
            if (depth(rings, i) % 2 == 0) {
                List<int[]> polygon = new ArrayList<>();
                polygon.add(rings.get(i));
                polygons.add(polygon);
            } else {
                holes.add(rings.get(i));
            }
        }
        for (int[] hole : holes) {
            List<int[]> best = null;
            for (List<int[]> polygon : polygons) {
                boolean inside = contains(polygon.get(0), hole);
                if (inside && (best == null || Math.abs(area(polygon.get(0))) < Math.abs(area(best.get(0))))) {
                    best = polygon;
                }
            }
            if (best != null) {
                best.add(hole);
            }
        }
        return polygons;
    }

    private static int depth(List<int[]> rings, int index) {
        int depth = 0;
        for (int i = 0; i < rings.size(); i++) {
            depth += i != index && contains(rings.get(i), rings.get(index)) ? 1 : 0;
        }
        return depth;
    }

    /** Whether a ring lies within another. A pixel beside the first vertex decides: rings may touch in corners. */
    private static boolean contains(int[] outer, int[] inner) {
        if (Math.abs(area(outer)) <= Math.abs(area(inner))) {
            return false;
        }
        int n = inner.length / 2;
        for (int i = 0; i < n; i++) {
            int j = (i + 1) % n;
            double x = (inner[2 * i] + inner[2 * j]) / 2.0;
            double y = (inner[2 * i + 1] + inner[2 * j + 1]) / 2.0;
            boolean level = inner[2 * i + 1] == inner[2 * j + 1];
            boolean one = inside(outer, level ? x : x - 0.25, level ? y - 0.25 : y);
            boolean other = inside(outer, level ? x : x + 0.25, level ? y + 0.25 : y);
            if (one == other) {
                return one;
            }
        }
        return false;
    }

    private static boolean inside(int[] ring, double x, double y) {
        boolean inside = false;
        int n = ring.length / 2;
        for (int i = 0, j = n - 1; i < n; j = i++) {
            double yi = ring[2 * i + 1];
            double yj = ring[2 * j + 1];
            if (yi > y != yj > y && x < (ring[2 * j] - ring[2 * i]) * (y - yi) / (yj - yi) + ring[2 * i]) {
                inside = !inside;
            }
        }
        return inside;
    }

    private static double area(int[] ring) {
        double sum = 0;
        int n = ring.length / 2;
        for (int i = 0; i < n; i++) {
            int j = (i + 1) % n;
            sum += (double) ring[2 * i] * ring[2 * j + 1] - (double) ring[2 * j] * ring[2 * i + 1];
        }
        return sum / 2;
    }
}
