package org.samj.bridge.ij.results;

import ij.gui.Roi;
import ij.plugin.Colors;
import java.awt.Color;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The colours of outlines: each object its own, its class's, or one for all. */
public final class Colours {

    public static final String BY_LABEL = "by label";
    static final String BY_CLASS = "by class";

    private static final Color[] COLOURS = {
        new Color(0x4e79a7), new Color(0xf28e2b), new Color(0x59a14f), new Color(0xe15759), new Color(0x76b7b2),
        new Color(0xedc948), new Color(0xb07aa1), new Color(0xff9da7), new Color(0x9c755f), new Color(0xbab0ac),
    };

    private Colours() {
    }

    /** What can be chosen: the two rules, then ImageJ's names of colours. */
    public static List<String> names() {
        List<String> names = new ArrayList<>(Arrays.asList(BY_LABEL, BY_CLASS));
        names.addAll(Arrays.asList(Colors.colors));
        return names;
    }

    /** A colour that neighbours in a list do not share. */
    static Color of(int number) {
        return COLOURS[Math.floorMod(number, COLOURS.length)];
    }

    /** Give a ROI its class and its colour. */
    static void paint(Roi roi, int number, Choices choices) {
        Classes.mark(roi, choices.className);
        if (BY_LABEL.equals(choices.colour)) {
            roi.setStrokeColor(of(number));
        } else if (!BY_CLASS.equals(choices.colour)) {
            roi.setStrokeColor(Colors.decode(choices.colour, Roi.getColor()));
        }
    }
}
