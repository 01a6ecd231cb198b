package org.samj.bridge.ij.tracks;

import ij.ImagePlus;
import ij.gui.Roi;
import ij.plugin.frame.RoiManager;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.samj.bridge.Given;
import org.samj.bridge.Outline;
import org.samj.bridge.Segmenter;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.Step;
import org.samj.bridge.ij.results.Change;
import org.samj.bridge.ij.results.Choices;
import org.samj.bridge.ij.results.Keeping;
import org.samj.bridge.ij.results.Results;
import org.samj.bridge.ij.rois.Kinds;
import org.samj.bridge.ij.rois.Rings;
import org.samj.bridge.ij.rois.Rois;
import org.samj.bridge.ij.work.Desk;
import org.samj.bridge.stack.Following;

/** Objects of the ROI Manager followed through a stack, and corrected there. Neither on the event thread nor on the worker's. */
public final class Through {

    /** Ways to go. */
    public static final List<String> WAYS = java.util.Collections.unmodifiableList(
        Arrays.asList("both", "forwards", "backwards"));

    private final Desk desk;
    private final Stacked stack;
    private final Choices choices;
    private final boolean intoOverlay;
    private final Segmenter.Progress progress;

    private Through(Desk desk, Stacked stack, Choices choices, boolean intoOverlay, Segmenter.Progress progress) {
        this.desk = desk;
        this.stack = stack;
        this.choices = choices;
        this.intoOverlay = intoOverlay || Keeping.isWindowless();
        this.progress = progress;
    }

    /**
     * Follow the objects whose ROIs are selected in the ROI Manager; none: all of it.
     *
     * @param way one of {@link #WAYS}
     * @param from first plane, from 1; 0: the first one
     * @param to last plane; 0: the last one
     * @return how it ended, in words
     */
    public static String follow(Desk desk, Stacked stack, Choices choices, String way, int from, int to,
            boolean intoOverlay, Segmenter.Progress progress) {
        if (!WAYS.contains(way)) {
            throw new SegmenterException("bad-option", "way=" + way + " is none of " + String.join(", ", WAYS) + ".", "");
        }
        Through through = new Through(desk, stack, choices, intoOverlay, progress);
        Objects[] objects = new Objects[1];
        Keeping.onEventThread(() -> objects[0] = Objects.of(stack, intoOverlay ? new Roi[0] : selected(),
            Arriving.all(stack.imp, through.intoOverlay)));
        List<Given> given = new ArrayList<>(objects[0].given);
        int first = from == 0 ? 0 : from - 1;
        int last = to == 0 ? stack.count() - 1 : to - 1;
        for (int number = 1; number <= objects[0].first.size(); number++) {
            int object = number;
            int[] planes = given.stream().filter(one -> one.object == object && one.prompt != null)
                .mapToInt(one -> one.plane).sorted().toArray();
            // Where it was drawn beyond the range, or outside its way, it does not go.
            int before = planes[0] - 1;
            int after = planes[planes.length - 1] + 1;
            if (way.equals("forwards") && before >= 0) {
                given.add(new Given(before, object, null));
            }
            if (way.equals("backwards") && after < stack.count()) {
                given.add(new Given(after, object, null));
            }
        }
        return through.run(objects[0], given, first, last, desk.results.begin());
    }

    /**
     * Take the selection of the image as an object on the plane that is shown, and follow it anew between the planes
     * before and after this one where it was drawn. Nothing else changes.
     *
     * @param name the object's
     * @return how it ended, in words
     */
    public static String correct(Desk desk, Stacked stack, Choices choices, String name, boolean intoOverlay,
            Segmenter.Progress progress) {
        Through through = new Through(desk, stack, choices, intoOverlay, progress);
        Change change = desk.results.begin();
        int[] range = new int[2];
        Objects[] objects = new Objects[1];
        Keeping.onEventThread(() -> objects[0] = through.corrected(name, change, range));
        return through.run(objects[0], objects[0].given, range[0], range[1], change);
    }

    private Objects corrected(String name, Change change, int[] range) {
        Roi selection = stack.imp.getRoi();
        if (!Kinds.isArea(selection)) {
            throw new SegmenterException("no-prompt", "There is no area selected on the image.",
                "Select where " + name + " is on this plane: with SAMJ's tool or one of ImageJ's.");
        }
        int plane = stack.shown();
        List<int[]> rings = Rings.of(selection);
        Roi roi = Rois.of(new Outline(rings.toArray(new int[0][]), Double.NaN));
        if (roi == null) {
            throw new SegmenterException("no-prompt", "The selection has no pixel.", "");
        }
        Roi[] all = Arriving.all(stack.imp, intoOverlay);
        Roi[] before = Arrays.stream(all).filter(one -> Objects.name(one).equals(name) && stack.index(one) == plane)
            .toArray(Roi[]::new);
        Roi like = Arrays.stream(all).filter(one -> Objects.name(one).equals(name)).findFirst().orElse(null);
        if (like == null) {
            throw new SegmenterException("no-object", "The ROI Manager has no " + name + ".",
                "Select one of its ROIs, or press Next doubtful.");
        }
        stack.plane(plane).place(roi);
        roi.setName(name);
        roi.setProperty("model", choices.model);
        desk.results.paint(roi, like, 1, choices);
        Objects.mark(roi, Step.PROMPTED, Double.NaN, "");
        for (Roi one : before) {
            remove(one, change);
        }
        add(roi, change);
        stack.imp.deleteRoi();
        Objects here = Objects.named(stack, name, Arriving.all(stack.imp, intoOverlay));
        range[0] = here.given.stream().mapToInt(one -> one.plane).filter(at -> at < plane).max().orElse(0);
        range[1] = here.given.stream().mapToInt(one -> one.plane).filter(at -> at > plane).min()
            .orElse(stack.count() - 1);
        here.given.removeIf(one -> one.plane < range[0] || one.plane > range[1]);
        return here;
    }

    private void add(Roi roi, Change change) {
        if (!intoOverlay) {
            desk.results.exchange(change, roi, null, stack.imp);
            return;
        }
        ij.gui.Overlay overlay = stack.imp.getOverlay();
        overlay.add(roi);
        stack.imp.setOverlay(overlay);
    }

    private void remove(Roi roi, Change change) {
        if (intoOverlay) {
            stack.imp.getOverlay().remove(roi);
        } else {
            desk.results.exchange(change, null, roi, stack.imp);
        }
    }

    private String run(Objects objects, List<Given> given, int from, int to, Change change) {
        Arriving[] arriving = new Arriving[1];
        Keeping.onEventThread(() -> arriving[0] = new Arriving(desk.results, stack, objects, choices, intoOverlay, from,
            to, change));
        boolean complete = false;
        try {
            desk.work.call(() -> {
                Following.follow(desk.segmenter, choices.model, stack, given.toArray(new Given[0]), from, to,
                    arriving[0]::add, progress);
                return null;
            });
            complete = true;
        } finally {
            arriving[0].finish(complete);
        }
        arriving[0].check();
        return arriving[0].sentence(to - from + 1);
    }

    private static Roi[] selected() {
        RoiManager manager = Keeping.isWindowless() ? null : RoiManager.getInstance2();
        int[] indices = manager == null ? new int[0] : manager.getSelectedIndexes();
        return Arrays.stream(indices).mapToObj(manager::getRoi).toArray(Roi[]::new);
    }

    /** Turn to a doubtful place, select what was found there, and say what is doubtful. On the event thread. */
    public static String turnTo(ImagePlus imp, Doubts doubts, Doubts.Place place) {
        Stacked stack = Stacked.of(imp, doubts.axis());
        Step step = place.step;
        stack.show(step.plane);
        Roi[] all = Results.managed();
        int index = -1;
        for (int i = 0; i < all.length; i++) {
            if (Objects.name(all[i]).equals(place.name) && Objects.isOurs(all[i]) && stack.index(all[i]) == step.plane) {
                index = i;
            }
        }
        if (index >= 0) {
            RoiManager.getInstance2().select(imp, index);
        } else {
            imp.deleteRoi();
        }
        String score = Double.isNaN(step.outline.score) || step.outline.isEmpty() ? ""
            : String.format(", score %.2f", step.outline.score);
        return place.name + " on " + (stack.areFrames() ? "frame " : "slice ") + (step.plane + 1) + ": " + step.state + score
            + (step.note.isEmpty() ? "." : " (" + step.note + ").") + " Select it right and press Correct, or go on.";
    }

    /** Which object a correction is of: the one whose ROI is selected, else the doubtful one; empty: nobody knows. */
    public static String meant(ImagePlus imp) {
        Roi[] chosen = selected();
        if (chosen.length == 1 && chosen[0].getName() != null) {
            return chosen[0].getName();
        }
        Doubts doubts = Doubts.known(imp);
        return doubts == null || doubts.last() == null ? "" : doubts.last().name;
    }
}
