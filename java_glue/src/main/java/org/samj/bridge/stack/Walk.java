package org.samj.bridge.stack;

import java.util.ArrayList;
import java.util.List;
import java.util.NavigableMap;
import java.util.NavigableSet;
import org.samj.bridge.Prompt;

/** One object in one direction, from a plane where it was given to the last one that it is followed to. */
final class Walk {

    final int object;
    final int begin;
    final int step;
    final int last;

    private Walk(int object, int begin, int step, int last) {
        this.object = object;
        this.begin = begin;
        this.step = step;
        this.last = last;
    }

    /** Whether it passes a plane. */
    boolean passes(int plane) {
        return step * (plane - begin) > 0 && step * (last - plane) >= 0;
    }

    /**
     * The walks of an object between two planes. Between two planes where it was given it comes from both sides to the
     * middle; it never goes past a plane that it is not on.
     */
    static List<Walk> of(int object, NavigableMap<Integer, Prompt> given, NavigableSet<Integer> ends, int from, int to) {
        List<Walk> found = new ArrayList<>();
        for (int plane : given.keySet()) {
            Integer before = given.lowerKey(plane);
            Integer after = given.higherKey(plane);
            int back = before == null ? from : Math.max(from, (before + plane) / 2 + 1);
            int forth = after == null ? to : Math.min(to, (plane + after) / 2);
            Integer end = ends.lower(plane);
            back = end == null ? back : Math.max(back, end + 1);
            end = ends.higher(plane);
            forth = end == null ? forth : Math.min(forth, end - 1);
            if (back < plane) {
                found.add(new Walk(object, plane, -1, back));
            }
            if (forth > plane) {
                found.add(new Walk(object, plane, 1, forth));
            }
        }
        return found;
    }
}
