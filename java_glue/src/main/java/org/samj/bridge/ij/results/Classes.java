package org.samj.bridge.ij.results;

import ij.IJ;
import ij.gui.Roi;
import java.awt.Color;
import java.io.File;
import java.util.ArrayList;
import java.util.List;
import org.samj.bridge.SegmenterException;

/** Classes of objects: ImageJ's own groups of ROIs and their names, so that its results table and macros know them. */
public final class Classes {

    private static final String UNNAMED = "group ";

    /** The last group. */
    public static final int MOST = 255;

    private Classes() {
    }

    /**
     * The class of a ROI, whoever made it; empty: none. What its group is called in this ImageJ now comes first, since
     * that is what ImageJ shows; a ROI without a group, or of one without a name, may still have our property.
     */
    public static String of(Roi roi) {
        int group = roi.getGroup();
        String named = group > 0 ? Roi.getGroupName(group) : null;
        if (named != null) {
            return named;
        }
        String property = roi.getProperty("class");
        return property != null ? property : group > 0 ? UNNAMED + group : "";
    }

    /** The number of the group that a class is; 0: no group has its name. */
    public static int number(String name) {
        if (name.isEmpty()) {
            return 0;
        }
        boolean unnamed = name.startsWith(UNNAMED);
        for (int group = 1; group <= MOST; group++) {
            String known = Roi.getGroupName(group);
            if (name.equals(known) || unnamed && known == null && name.equals(UNNAMED + group)) {
                return group;
            }
        }
        return 0;
    }

    /** The colour of a class; null: no group has its name, and so none its colour. */
    public static Color colour(String name) {
        int group = number(name);
        if (group == 0 || !hasColours()) {
            return group == 0 ? null : Colours.of(group - 1);
        }
        // ImageJ tells the colour of a group to its ROIs only.
        Roi one = new Roi(0, 0, 1, 1);
        one.setGroup(group);
        return one.getStrokeColor();
    }

    /** The names that ImageJ's groups have, in their order. */
    public static List<String> names() {
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
    public static String clean(String name) {
        return name.replace(',', ' ').replaceAll("\\s+", " ").trim();
    }

    /** See to it that a class has a group. */
    public static void declare(String name) {
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

    /**
     * Give a ROI a class: group, its colour, and the name as a property.
     *
     * <p>ImageJ takes the colours of groups from a file beside it (luts/glasbey.lut). One that has none, such as that
     * of Maven Central, opens its log window with a complaint whenever a group is set: there the ROI has the property
     * alone, and a colour of ours.
     */
    static void mark(Roi roi, String name) {
        if (name.isEmpty()) {
            return;
        }
        roi.setProperty("class", name);
        int group = group(name);
        if (group > 0 && hasColours()) {
            roi.setGroup(group);
        } else {
            roi.setStrokeColor(Colours.of(group - 1));
        }
    }

    private static boolean hasColours() {
        String folder = IJ.getDirectory("luts");
        return folder != null && (new File(folder, "glasbey.lut").isFile() || new File(folder, "Glasbey.lut").isFile());
    }
}
