package org.samj.bridge.stack;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.NavigableSet;
import java.util.TreeMap;
import java.util.TreeSet;
import org.samj.bridge.Given;
import org.samj.bridge.Options;
import org.samj.bridge.Outline;
import org.samj.bridge.Planes;
import org.samj.bridge.Prompt;
import org.samj.bridge.Segmenter;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.Step;

/**
 * Follows objects from the planes where they were given through the others: where an object was on one plane becomes the
 * prompt on the next. What is found depends on the planes and on what was given alone; that is never changed.
 *
 * <p>The rules are those of samj_bridge/session/stack, and so are the results: a test compares them.
 */
public final class Following {

    /** Planes whose encodings are kept: the last ones. */
    private static final int OPEN = 2;
    /** Two objects that share more than this part of the smaller one are told to be doubtful. */
    private static final double MERGED = 0.5;

    private final Segmenter segmenter;
    private final String model;
    private final Planes planes;
    private final Segmenter.Steps found;
    private final Segmenter.Progress progress;
    private final Map<Integer, Segmenter.Scene> scenes = new LinkedHashMap<>();

    private Following(Segmenter segmenter, String model, Planes planes, Segmenter.Steps found,
            Segmenter.Progress progress) {
        this.segmenter = segmenter;
        this.model = model;
        this.planes = planes;
        this.found = found;
        this.progress = progress;
    }

    /**
     * Follow objects. On the thread that may call the segmenter.
     *
     * @param given where objects are; of each at least one plane
     * @param from first plane, from 0
     * @param to last plane
     * @param found told each object on each plane as soon as it is known: what was given first, then plane by plane
     *     forwards, then backwards
     * @param progress told of each plane; asked between two of them whether to stop
     */
    public static void follow(Segmenter segmenter, String model, Planes planes, Given[] given, int from, int to,
            Segmenter.Steps found, Segmenter.Progress progress) {
        check(planes, given, from, to);
        if (segmenter.propagate(model, planes, given, from, to, found, progress)) {
            return;
        }
        Following following = new Following(segmenter, model, planes, found, progress);
        try {
            following.walk(given, from, to);
        } finally {
            following.scenes.values().forEach(Segmenter.Scene::close);
        }
    }

    private static void check(Planes planes, Given[] given, int from, int to) {
        if (from < 0 || from > to || to >= planes.count()) {
            throw new SegmenterException("plane-outside-stack", "The planes " + (from + 1) + " to " + (to + 1)
                + " were asked for; the stack has the planes 1 to " + planes.count() + ".", "Count planes from 1.");
        }
        NavigableSet<String> seen = new TreeSet<>();
        for (Given one : given) {
            if (one.prompt != null && (one.plane < from || one.plane > to)) {
                throw new SegmenterException("plane-outside-range", "Something was given on plane " + (one.plane + 1)
                    + ", and the planes " + (from + 1) + " to " + (to + 1) + " are asked for.",
                    "Choose a range that has it, or leave it out.");
            }
            if (!seen.add(one.object + " " + one.plane)) {
                throw new SegmenterException("bad-prompt", "Object " + one.object + " was given twice on plane "
                    + (one.plane + 1) + ".", "Give each object a name of its own.");
            }
        }
        if (Arrays.stream(given).noneMatch(one -> one.prompt != null)) {
            throw new SegmenterException("no-prompt", "Nothing says where an object is.",
                "Draw its outline on one plane, or a rectangle around it.");
        }
    }

    private void walk(Given[] given, int from, int to) {
        Map<Integer, NavigableMap<Integer, Prompt>> there = new TreeMap<>();
        Map<Integer, NavigableSet<Integer>> ends = new HashMap<>();
        for (Given one : given) {
            if (one.prompt == null) {
                ends.computeIfAbsent(one.object, key -> new TreeSet<>()).add(one.plane);
            } else {
                there.computeIfAbsent(one.object, key -> new TreeMap<>()).put(one.plane, one.prompt);
            }
        }
        List<Walk> walks = new ArrayList<>();
        there.forEach((object, prompts) -> walks.addAll(
            Walk.of(object, prompts, ends.getOrDefault(object, new TreeSet<>()), from, to)));
        List<int[]> sweeps = sweeps(walks, from, to);
        Map<String, Outline> known = begin(given);
        Map<Walk, Track> tracks = new HashMap<>();
        for (Walk walk : walks) {
            tracks.put(walk, new Track(walk, known.get(walk.object + " " + walk.begin), planes.areFrames()));
        }
        int done = 0;
        for (int[] sweep : sweeps) {
            checkWanted();
            List<Track> here = new ArrayList<>();
            for (Walk walk : walks) {
                if (walk.step == sweep[1] && walk.passes(sweep[0]) && !tracks.get(walk).givenUp) {
                    here.add(tracks.get(walk));
                }
            }
            if (!here.isEmpty()) {
                noted(follow(sweep[0], here)).forEach(found::add);
            }
            progress.tell("Plane " + (sweep[0] + 1) + ": " + here.size() + (here.size() == 1 ? " object" : " objects"),
                (double) ++done / sweeps.size());
        }
    }

    /** Each plane once in each direction, forwards first. */
    private static List<int[]> sweeps(List<Walk> walks, int from, int to) {
        List<int[]> found = new ArrayList<>();
        for (int step = 1; step >= -1; step -= 2) {
            int way = step;
            for (int plane = way > 0 ? from : to; plane >= from && plane <= to; plane += way) {
                int at = plane;
                if (walks.stream().anyMatch(walk -> walk.step == way && walk.passes(at))) {
                    found.add(new int[] {plane, way});
                }
            }
        }
        return found;
    }

    /** Tell what was given, plane by plane; prompts are answered. */
    private Map<String, Outline> begin(Given[] given) {
        Map<String, Outline> known = new HashMap<>();
        Map<Integer, List<Given>> byPlane = new TreeMap<>();
        for (Given one : given) {
            if (one.prompt != null) {
                byPlane.computeIfAbsent(one.plane, key -> new ArrayList<>()).add(one);
            }
        }
        byPlane.forEach((plane, here) -> {
            checkWanted();
            here.sort((a, b) -> Integer.compare(a.object, b.object));
            Prompt[] asked = here.stream().filter(one -> !one.isOutline()).map(one -> one.prompt).toArray(Prompt[]::new);
            Outline[] answers = ask(plane, asked);
            int next = 0;
            for (Given one : here) {
                Outline outline = one.isOutline() ? one.prompt.mask : answers[next++];
                known.put(one.object + " " + plane, outline);
                boolean nothing = outline.isEmpty();
                found.add(new Step(plane, one.object, outline, nothing ? Step.LOST : Step.PROMPTED, Double.NaN,
                    nothing ? "the prompt found nothing" : ""));
            }
        });
        return known;
    }

    private List<Step> follow(int plane, List<Track> here) {
        Segmenter.Scene scene = scene(plane);
        List<Prompt> asked = new ArrayList<>();
        List<Prompt> all = new ArrayList<>();
        for (Track track : here) {
            Prompt prompt = track.prompt(plane, scene, planes.width(), planes.height());
            all.add(prompt);
            if (prompt != null) {
                asked.add(prompt);
            }
        }
        Outline[] answers = ask(plane, asked.toArray(new Prompt[0]));
        List<Step> steps = new ArrayList<>();
        int next = 0;
        for (int i = 0; i < here.size(); i++) {
            Outline nothing = new Outline(new int[0][], Double.NaN);
            steps.add(here.get(i).step(plane, all.get(i) == null ? nothing : answers[next++]));
        }
        return steps;
    }

    private Outline[] ask(int plane, Prompt[] prompts) {
        Outline[] answers = new Outline[prompts.length];
        if (prompts.length > 0) {
            Outline nothing = new Outline(new int[0][], Double.NaN);
            scene(plane).segmentAll(prompts, Options.plain(),
                (index, outlines) -> answers[index] = outlines.length == 0 ? nothing : outlines[0], progress);
        }
        return answers;
    }

    private Segmenter.Scene scene(int plane) {
        Segmenter.Scene scene = scenes.remove(plane);
        if (scene == null) {
            scene = segmenter.encode(model, planes.read(plane), progress);
        }
        scenes.put(plane, scene);
        while (scenes.size() > OPEN) {
            scenes.remove(scenes.keySet().iterator().next()).close();
        }
        return scene;
    }

    private void checkWanted() {
        if (progress.isCancelled()) {
            throw new SegmenterException("cancelled", "Stopped on request.", "");
        }
    }

    /** Note where two objects have become one. */
    private static List<Step> noted(List<Step> steps) {
        Map<Integer, String> notes = new HashMap<>();
        List<Mask> masks = new ArrayList<>();
        steps.forEach(step -> masks.add(Mask.of(step.outline)));
        for (int i = 0; i < steps.size(); i++) {
            for (int j = i + 1; j < steps.size(); j++) {
                long smaller = Math.min(masks.get(i).area, masks.get(j).area);
                long shared = smaller == 0 || steps.get(i).object == steps.get(j).object ? 0
                    : masks.get(i).shared(masks.get(j), 0, 0);
                if (shared > MERGED * smaller) {
                    notes.put(i, words(shared, masks.get(i), steps.get(j)));
                    notes.put(j, words(shared, masks.get(j), steps.get(i)));
                }
            }
        }
        if (notes.isEmpty()) {
            return steps;
        }
        List<Step> told = new ArrayList<>();
        for (int i = 0; i < steps.size(); i++) {
            Step step = steps.get(i);
            String note = notes.getOrDefault(i, "");
            String both = step.note.isEmpty() || note.isEmpty() ? step.note + note : step.note + "; " + note;
            told.add(new Step(step.plane, step.object, step.outline, step.state, step.iou, both));
        }
        return Collections.unmodifiableList(told);
    }

    private static String words(long shared, Mask mask, Step other) {
        return "shares " + shared + " of its " + mask.area + " pixels with object " + other.object;
    }
}
