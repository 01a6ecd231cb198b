package org.samj.bridge.ij.tracks;

import ij.gui.PointRoi;
import ij.gui.Roi;
import ij.process.FloatPolygon;
import java.awt.Point;
import java.awt.Rectangle;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.samj.bridge.Given;
import org.samj.bridge.Outline;
import org.samj.bridge.Prompt;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.Step;
import org.samj.bridge.ij.rois.Kinds;
import org.samj.bridge.ij.rois.Rings;

/**
 * Which objects ROIs are, and what they say of them: ROIs of one name are one object. A rectangle and a point are prompts,
 * every other area is taken as it is. On the event thread.
 */
final class Objects {

    private static final String STEP = "step";
    private static final String FORM = "form";

    final List<Given> given = new ArrayList<>();
    /** By number of the object. */
    final List<Roi> first = new ArrayList<>();
    private final Stacked stack;
    private final Map<String, Integer> numbers = new HashMap<>();
    private final Set<String> drawn = new HashSet<>();
    private final Map<String, Roi> places = new HashMap<>();

    Objects(Stacked stack) {
        this.stack = stack;
    }

    /**
     * The objects of some ROIs, wherever they were drawn.
     *
     * @param chosen what the user has selected: it says which objects; none: all
     * @param all what there is
     */
    static Objects of(Stacked stack, Roi[] chosen, Roi[] all) {
        Objects objects = new Objects(stack);
        Set<String> names = new HashSet<>();
        for (Roi roi : chosen.length > 0 ? chosen : all) {
            names.add(name(roi));
        }
        for (Roi roi : all) {
            if (!isFound(roi) && isUsable(roi) && names.contains(name(roi))) {
                objects.add(roi);
            }
        }
        for (Roi roi : chosen) {
            // Of an object that nobody has drawn (any more), what was found has to do.
            if (isUsable(roi) && !objects.drawn.contains(name(roi))) {
                objects.add(roi);
            }
        }
        if (objects.given.isEmpty()) {
            throw new SegmenterException("no-prompt", "There is no area or point of this stack in the ROI Manager.",
                "Draw an object's outline on one plane, or a rectangle around it, and add it with t.");
        }
        return objects;
    }

    /** One object by its name, where it was drawn. */
    static Objects named(Stacked stack, String name, Roi[] all) {
        Objects objects = new Objects(stack);
        for (Roi roi : all) {
            if (!isFound(roi) && isUsable(roi) && name(roi).equals(name)) {
                objects.add(roi);
            }
        }
        return objects;
    }

    private void add(Roi roi) {
        int plane = stack.index(roi);
        Prompt prompt = prompt(roi, new Rectangle(stack.width(), stack.height()));
        String name = name(roi);
        if (plane < 0 || plane >= stack.count() || prompt == null) {
            return;
        }
        int number = numbers.getOrDefault(name, first.size() + 1);
        Roi other = places.get(number + " " + plane);
        if (other != null) {
            if (other == roi || isOurs(other) || !isOurs(roi)) {
                // What a rectangle has become is as good as the rectangle; of two that were drawn the first counts.
                return;
            }
            given.removeIf(one -> one.object == number && one.plane == plane);
        }
        if (number > first.size()) {
            numbers.put(name, number);
            first.add(roi);
        }
        places.put(number + " " + plane, roi);
        if (!isFound(roi)) {
            drawn.add(name);
        }
        given.add(new Given(plane, number, prompt));
    }

    /** The name of an object by its number. */
    String name(int object) {
        return name(first.get(object - 1));
    }

    /** The number of the object that a ROI is of; 0: none of these. */
    int number(Roi roi) {
        return numbers.getOrDefault(name(roi), 0);
    }

    /** Who has no name is nobody else. */
    static String name(Roi roi) {
        return roi.getName() == null ? "object@" + System.identityHashCode(roi) : roi.getName();
    }

    private static Prompt prompt(Roi roi, Rectangle image) {
        Rectangle box = roi.getBounds().intersection(image);
        if (roi instanceof PointRoi) {
            Point[] inside = roi.getContainedPoints();
            double[] points = Arrays.stream(inside).filter(image::contains)
                .flatMapToDouble(at -> java.util.stream.DoubleStream.of(at.x, at.y)).toArray();
            return points.length == 0 ? null : new Prompt(null, points, null, null);
        }
        if (box.isEmpty()) {
            return null;
        }
        if (Kinds.isRectangle(roi) && !isOurs(roi)) {
            return Prompt.ofBox(box.x, box.y, box.x + box.width, box.y + box.height);
        }
        Roi inside = roi;
        if (!image.contains(roi.getBounds())) {
            inside = new ij.gui.ShapeRoi(roi).and(new ij.gui.ShapeRoi(new Roi(image)));
        }
        List<int[]> rings = Rings.of(inside);
        return rings.isEmpty() ? null : new Prompt(null, null, null, new Outline(rings.toArray(new int[0][]), Double.NaN));
    }

    private static boolean isUsable(Roi roi) {
        return roi instanceof PointRoi || Kinds.isArea(roi);
    }

    /** Note in a ROI that it is an object on a plane, and how it came there. */
    static void mark(Roi roi, String state, double iou, String note) {
        roi.setProperty(STEP, state);
        roi.setProperty(FORM, Integer.toString(form(roi)));
        if (!Double.isNaN(iou)) {
            roi.setProperty("iou", Double.toString(iou));
        }
        if (!note.isEmpty()) {
            roi.setProperty("note", note);
        }
    }

    /** Whether a ROI came from here. */
    static boolean isOurs(Roi roi) {
        return roi.getProperty(STEP) != null;
    }

    /** Whether a ROI was found, and nobody has changed it since: another one may take its place. */
    static boolean isFound(Roi roi) {
        String state = roi.getProperty(STEP);
        return (Step.FOLLOWED.equals(state) || Step.REAPPEARED.equals(state))
            && Integer.toString(form(roi)).equals(roi.getProperty(FORM));
    }

    private static int form(Roi roi) {
        FloatPolygon corners = roi.getFloatPolygon();
        return 31 * Arrays.hashCode(corners.xpoints) + Arrays.hashCode(corners.ypoints);
    }
}
