package org.samj.bridge.ij.rois;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;

import ij.ImagePlus;
import ij.gui.Roi;
import ij.process.ByteProcessor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.Test;
import org.samj.bridge.Outline;
import org.samj.bridge.Prompt;

public class RoisTest {

    /** A square of 10 x 10 with a hole of 4 x 4 that has an island of 2 x 1, and a pixel that touches it by a corner. */
    private static final int[][] RINGS = {
        {2, 3, 12, 3, 12, 13, 2, 13},
        {5, 6, 5, 10, 9, 10, 9, 6},
        {6, 7, 8, 7, 8, 8, 6, 8},
        {12, 13, 13, 13, 13, 14, 12, 14},
    };
    private static final int AREA = 100 - 16 + 2 + 1;

    @Test
    public void aRoiHasThePixelsOfItsOutlineHolesAndIslandsIncluded() {
        assertEquals(AREA, pixels(Rois.of(new Outline(RINGS, 0.5))));
        assertEquals(100, pixels(Rois.of(new Outline(new int[][] {RINGS[0]}, 0.5))));
        assertNull(Rois.of(new Outline(new int[0][], 0.5)));
    }

    @Test
    public void theRingsOfARoiAreThoseItWasMadeOf() {
        List<int[]> rings = Rings.of(Rois.of(new Outline(RINGS, 0.5)));
        assertEquals(AREA, pixels(Rois.of(new Outline(rings.toArray(new int[0][]), 0.5))));
        // ImageJ traces what touches in a corner as one; there the pixels are the same, and the rings are not.
        int[][] apart = Arrays.copyOf(RINGS, 3);
        assertEquals(corners(Arrays.asList(apart)), corners(Rings.of(Rois.of(new Outline(apart, 0.5)))));
    }

    @Test
    public void aHoleBelongsToTheSmallestExteriorAroundItAndAnIslandIsItsOwn() {
        List<List<int[]>> polygons = Rings.polygons(Arrays.asList(RINGS));
        assertEquals(3, polygons.size());
        assertArrayEquals(RINGS[0], polygons.get(0).get(0));
        assertArrayEquals(RINGS[1], polygons.get(0).get(1));
        assertEquals(1, polygons.get(1).size());
        assertEquals(1, polygons.get(2).size());
    }

    @Test
    public void fewerVerticesStayNearTheOutline() {
        List<Integer> stairs = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            stairs.addAll(Arrays.asList(i, 40 - i, i + 1, 40 - i));
        }
        stairs.addAll(Arrays.asList(40, 40, 0, 40));
        int[] ring = stairs.stream().mapToInt(Integer::intValue).toArray();
        Roi exact = Rois.of(new Outline(new int[][] {ring}, 0.5), 0);
        Roi simple = Rois.of(new Outline(new int[][] {ring}, 0.5), 1);
        assertTrue(simple.getFloatPolygon().npoints < exact.getFloatPolygon().npoints / 4);
        assertTrue(Math.abs(pixels(simple) - pixels(exact)) <= 40);
    }

    @Test
    public void aRoiKnowsWhereItComesFrom() {
        Roi roi = Rois.of(new Outline(RINGS, 0.25));
        Rois.describe(roi, new Outline(RINGS, 0.25), Prompt.ofPoint(3, 4), "starter", 2);
        assertEquals("0.25", roi.getProperty("score"));
        assertEquals("starter", roi.getProperty("model"));
        assertEquals("{\"points\": [[3, 4]]}", roi.getProperty("prompt"));
        assertEquals("2", roi.getProperty("candidate"));
    }

    private static int pixels(Roi roi) {
        ImagePlus imp = new ImagePlus("", new ByteProcessor(60, 60));
        imp.setRoi(roi);
        return imp.getStatistics().pixelCount;
    }

    /** Each ring's corners, sorted: where a ring begins says nothing. */
    private static List<List<String>> corners(List<int[]> rings) {
        List<List<String>> all = new ArrayList<>();
        for (int[] ring : rings) {
            List<String> corners = new ArrayList<>();
            for (int i = 0; i < ring.length; i += 2) {
                corners.add(ring[i] + "," + ring[i + 1]);
            }
            corners.sort(null);
            all.add(corners);
        }
        all.sort((a, b) -> a.toString().compareTo(b.toString()));
        return all;
    }
}
