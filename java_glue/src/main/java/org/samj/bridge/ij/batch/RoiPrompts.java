package org.samj.bridge.ij.batch;

import ij.ImagePlus;
import ij.gui.PointRoi;
import ij.gui.Roi;
import ij.plugin.frame.RoiManager;
import java.awt.Point;
import java.awt.Rectangle;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.samj.bridge.Prompt;
import org.samj.bridge.ij.images.Plane;
import org.samj.bridge.ij.rois.Kinds;

/**
 * The prompts in a list of ROIs: each point of a point ROI is an object, an area counts by its bounds. What belongs to
 * another plane than the one shown, has no area or lies outside the image is left out, and counted.
 */
public final class RoiPrompts {

    /** One for each prompt. */
    public final List<Batch.Job> jobs = new ArrayList<>();

    private final Map<String, Integer> without = new LinkedHashMap<>();
    private final ImagePlus imp;
    private final Plane plane;
    private final Rectangle all;

    /** On the event thread: of the plane that is shown now. */
    public RoiPrompts(ImagePlus imp, Roi[] rois) {
        this.imp = imp;
        this.plane = Plane.shown(imp);
        this.all = new Rectangle(imp.getWidth(), imp.getHeight());
        for (Roi roi : rois) {
            if (roi instanceof PointRoi) {
                points((PointRoi) roi);
            } else if (!Kinds.isArea(roi)) {
                leaveOut(Kinds.name(roi) + " without an area");
            } else if (!plane.has(roi) || !isHere(number(roi))) {
                leaveOut("of another plane");
            } else {
                box(roi.getBounds().intersection(all));
            }
        }
    }

    /** What was left out, as a sentence with a blank before it; empty: nothing. */
    public String leftOut() {
        if (without.isEmpty()) {
            return "";
        }
        return without.entrySet().stream().map(entry -> entry.getValue() + " " + entry.getKey())
            .collect(Collectors.joining(", ", " Left out: ", "."));
    }

    private void box(Rectangle b) {
        if (b.isEmpty()) {
            leaveOut("outside the image");
        } else {
            jobs.add(new Batch.Job(plane, Prompt.ofBox(b.x, b.y, b.x + b.width, b.y + b.height), 0));
        }
    }

    /** Points of one ROI may have been set on several planes. */
    private void points(PointRoi roi) {
        Point[] places = roi.getContainedPoints();
        boolean hyper = roi.hasHyperStackPosition();
        for (int i = 0; i < places.length; i++) {
            int own = roi.getPointPosition(i);
            if (hyper ? !plane.has(roi) : !isHere(own > 0 ? own : number(roi))) {
                leaveOut("of another plane");
            } else if (all.contains(places[i])) {
                jobs.add(new Batch.Job(plane, Prompt.ofPoint(places[i].x, places[i].y), 0));
            } else {
                leaveOut("outside the image");
            }
        }
    }

    /** The plane of the stack that a ROI has, or its name says as in 0002-0050-0140; 0: none. */
    private static int number(Roi roi) {
        RoiManager manager = RoiManager.getInstance2();
        if (roi.hasHyperStackPosition() || roi.getPosition() > 0 || roi.getName() == null || manager == null) {
            return roi.hasHyperStackPosition() ? 0 : Math.max(roi.getPosition(), 0);
        }
        return Math.max(manager.getSliceNumber(roi.getName()), 0);
    }

    /** Whether a plane of the stack is the one shown; with several channels at once, one of those shown. */
    private boolean isHere(int number) {
        if (number == 0 || imp.getStackSize() == 1) {
            return true;
        }
        Roi there = new Roi(0, 0, 1, 1);
        there.setPosition(number);
        return number <= imp.getStackSize() && plane.has(there);
    }

    private void leaveOut(String what) {
        without.merge(what, 1, Integer::sum);
    }
}
