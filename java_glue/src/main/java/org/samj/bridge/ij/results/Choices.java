package org.samj.bridge.ij.results;

import ij.Prefs;
import org.samj.bridge.Options;

/** What the user has chosen in the panel; kept by ImageJ from one start to the next. Never changes: see {@link #set}. */
public final class Choices {

    public static final String DEFAULT_PATTERN = "object-####";

    private static volatile Choices current;

    public final String model;
    public final boolean live;
    public final Options options;
    public final boolean addAtOnce;
    public final double simplify;
    public final String pattern;
    public final String colour;
    public final String className;
    public final boolean preview;

    public Choices(String model, boolean live, Options options, boolean addAtOnce, double simplify, String pattern,
            String colour, String className, boolean preview) {
        this.model = model;
        this.live = live;
        this.options = options;
        this.addAtOnce = addAtOnce;
        this.simplify = simplify;
        this.pattern = pattern;
        this.colour = colour;
        this.className = className;
        this.preview = preview;
    }

    /** The choices in force. */
    public static Choices get() {
        if (current == null) {
            Options options = new Options((int) Prefs.get("samj.candidates", 3), (int) Prefs.get("samj.minArea", 0),
                Prefs.get("samj.fillHoles", false), Prefs.get("samj.largestOnly", true));
            // Live is not remembered: whoever starts ImageJ finds its own tools as they were. Nor is the class: the
            // next image shows something else.
            current = new Choices(Prefs.get("samj.model", "starter"), false, options,
                Prefs.get("samj.addAtOnce", false), Prefs.get("samj.simplify", 0.0),
                Prefs.get("samj.pattern", DEFAULT_PATTERN), Prefs.get("samj.colour", Colours.BY_LABEL), "",
                Prefs.get("samj.preview", false));
        }
        return current;
    }

    /** Put other choices in force, and remember them. */
    public static void set(Choices choices) {
        current = choices;
        Prefs.set("samj.model", choices.model);
        Prefs.set("samj.candidates", choices.options.candidates);
        Prefs.set("samj.minArea", choices.options.minArea);
        Prefs.set("samj.fillHoles", choices.options.fillHoles);
        Prefs.set("samj.largestOnly", choices.options.largestOnly);
        Prefs.set("samj.addAtOnce", choices.addAtOnce);
        Prefs.set("samj.simplify", choices.simplify);
        Prefs.set("samj.pattern", choices.pattern);
        Prefs.set("samj.colour", choices.colour);
        Prefs.set("samj.preview", choices.preview);
    }

    /** These with another model. */
    public Choices withModel(String other) {
        return new Choices(other, live, options, addAtOnce, simplify, pattern, colour, className, preview);
    }

    /** These with Live on or off. */
    public Choices withLive(boolean on) {
        return new Choices(model, on, options, addAtOnce, simplify, pattern, colour, className, preview);
    }
}
