package org.samj.bridge.ij;

import ij.gui.Roi;
import java.awt.Color;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.samj.bridge.SegmenterException;

/** Classes of objects: ImageJ's own groups of ROIs and their names, so that its results table and macros know them. */
final class Classes {

    private static final int MOST = 255;
    private static final Map<Integer, Roi> PATTERNS = new HashMap<>();

    private Classes() {
    }

    /** The names that ImageJ's groups have, in their order. */
    static List<String> names() {
        List<String> names = new ArrayList<>();
        for (int group = 1; group <= MOST; group++) {
            String name = Roi.getGroupName(group);
            if (name != null && !names.contains(name)) {
                names.add(name);
            }
        }
        return names;
    }

    /** A name as ImageJ can keep it: it writes the names of all groups in a row, with commas between. */
    static String clean(String name) {
        return name.replace(',', ' ').replaceAll("\\s+", " ").trim();
    }

    /** See to it that a class has a group. */
    static void declare(String name) {
        if (!name.isEmpty() && group(name) == 0) {
            throw new SegmenterException("classes-full", "All 255 groups of ImageJ have names already.",
                "Rename one of them: ImageJ's Edit > Options > Roi Defaults.");
        }
    }

    /** The group of a class; the first one without a name becomes its own where there is none. 0: all have names. */
    private static int group(String name) {
        int free = 0;
        for (int group = MOST; group >= 1; group--) {
            String known = Roi.getGroupName(group);
            if (name.equals(known)) {
                return group;
            }
            free = known == null ? group : free;
        }
        if (free > 0) {
            Roi.setGroupName(free, name);
            Roi.saveGroupNames();
        }
        return free;
    }

    /** Give a ROI a class: group, its colour, and the name as a property. */
    static void mark(Roi roi, String name) {
        if (name.isEmpty()) {
            return;
        }
        roi.setProperty("class", name);
        int group = group(name);
        if (group > 0) {
            String kept = roi.getName();
            // Copied from one of that group: ImageJ writes to its log whenever it sets one without having its colours.
            roi.copyAttributes(PATTERNS.computeIfAbsent(group, Classes::pattern));
            roi.setName(kept);
        }
    }

    private static Roi pattern(int group) {
        Roi pattern = new Roi(0, 0, 1, 1);
        Color usual = Roi.getColor();
        pattern.setGroup(group);
        // ImageJ's colours of groups are a file beside it (luts/glasbey.lut), which not every ImageJ has.
        if (usual.equals(pattern.getStrokeColor())) {
            pattern.setStrokeColor(Colours.of(group - 1));
        }
        return pattern;
    }
}
