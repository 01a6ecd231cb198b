package org.samj.bridge.ij.tracks;

import ij.ImagePlus;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.WeakHashMap;
import org.samj.bridge.Step;

/** What was found in an image's stack, the most doubtful first. On the event thread. */
public final class Doubts {

    private static final Map<ImagePlus, Doubts> KNOWN = Collections.synchronizedMap(new WeakHashMap<>());

    private final Map<String, Place> places = new HashMap<>();
    private final String axis;
    private Place last;

    private Doubts(String axis) {
        this.axis = axis;
    }

    /** An object on a plane. */
    public static final class Place {
        /** Of the object. */
        public final String name;
        /** What was found there. */
        public final Step step;

        Place(String name, Step step) {
            this.name = name;
            this.step = step;
        }
    }

    /** Those of an image; another axis begins anew. */
    static Doubts of(ImagePlus imp, String axis) {
        return KNOWN.compute(imp, (key, there) -> there == null || !there.axis.equals(axis) ? new Doubts(axis) : there);
    }

    /** Those of an image; null: nothing was followed. */
    public static Doubts known(ImagePlus imp) {
        return KNOWN.get(imp);
    }

    /** The axis that was gone along. */
    public String axis() {
        return axis;
    }

    void put(String name, Step step) {
        places.put(name + "\n" + step.plane, new Place(name, step));
    }

    void remove(String name, int plane) {
        places.remove(name + "\n" + plane);
    }

    /** The place that was asked for last; null: none. */
    public Place last() {
        return last;
    }

    /** The most doubtful place, then the next less doubtful one; null: there is none (any more), and it begins anew. */
    public Place next() {
        List<Place> ordered = new ArrayList<>(places.values());
        ordered.removeIf(place -> place.step.doubt() <= 0);
        ordered.sort(Comparator.comparingDouble((Place place) -> -place.step.doubt()).thenComparing(place -> place.step.plane)
            .thenComparing(place -> place.name));
        int index = 0;
        for (int i = 0; last != null && i < ordered.size(); i++) {
            if (ordered.get(i).name.equals(last.name) && ordered.get(i).step.plane == last.step.plane) {
                index = i + 1;
            }
        }
        last = index < ordered.size() ? ordered.get(index) : null;
        return last;
    }
}
