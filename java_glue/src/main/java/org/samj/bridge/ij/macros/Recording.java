package org.samj.bridge.ij.macros;

import ij.IJ;
import ij.ImagePlus;
import ij.plugin.frame.Recorder;
import java.io.File;
import org.samj.bridge.Prompt;
import org.samj.bridge.ij.results.Choices;
import org.samj.bridge.ij.results.Colours;

/** What is done by hand, as the macro line that does it again. */
public final class Recording {

    private Recording() {
    }

    /** An object that was accepted. */
    public static void segment(Prompt prompt, String model, int chosen, Choices choices) {
        command("SAMJ Segment", options(prompt, model, chosen, choices));
    }

    /** The labels of an image that became prompts. */
    public static void labels(ImagePlus labels, Choices choices) {
        command("SAMJ Segment", "model=" + choices.model + " labels=[" + labels.getTitle() + "]" + kept(choices));
    }

    /** The ROIs of the ROI Manager that became prompts. */
    public static void batch(Choices choices) {
        command("SAMJ Batch", options(choices));
    }

    /**
     * Objects that were followed through a stack.
     *
     * @param axis z or t
     * @param from first plane, from 1
     */
    public static void propagate(Choices choices, String axis, String way, int from, int to) {
        command("SAMJ Propagate", "model=" + choices.model + " axis=" + axis + " way=" + way + " from=" + from + " to=" + to
            + kept(choices));
    }

    /** An object that was corrected on a plane, and followed anew. */
    public static void correct(Choices choices, String axis, String name) {
        command("SAMJ Propagate", "model=" + choices.model + " axis=" + axis + " correct=[" + name + "]" + kept(choices));
    }

    /** A model that was installed, or set up. */
    public static void install(String model, boolean licenceAccepted) {
        command("SAMJ Install", "model=" + model + (licenceAccepted ? " accept" : ""));
    }

    /** A set-up that was made anew. */
    public static void repair() {
        command("SAMJ Repair", "");
    }

    /** All that was set up, taken away. */
    public static void remove() {
        command("SAMJ Remove", "everything");
    }

    /** Another device that was chosen. */
    public static void device(String device) {
        command("SAMJ Device", "device=" + device);
    }

    /** Every object of an image. */
    public static void everything(Choices choices) {
        command("SAMJ Everything", options(choices));
    }

    /** What the ROI Manager held, as an image or a file. */
    public static void export(String format, File file) {
        command("SAMJ Export", "format=" + format + (file == null ? "" : " path=[" + file + "]"));
    }

    /** Record a command with its options, in the recorder's language. */
    private static void command(String name, String options) {
        if (!IJ.recording()) {
            return;
        }
        String rest = options.isEmpty() ? "" : ", \"" + options.replace("\\", "\\\\") + "\"";
        String call = "(\"" + name + "\"" + rest + ");\n";
        Recorder.recordString((Recorder.scriptMode() ? "IJ.run" : "run") + call);
    }

    private static String options(Prompt prompt, String model, int chosen, Choices choices) {
        StringBuilder text = new StringBuilder("model=" + model);
        if (prompt.box != null) {
            text.append(" box=").append(join(prompt.box, ","));
        }
        if (prompt.positive.length > 0) {
            text.append(" points=[").append(pairs(prompt.positive)).append(']');
        }
        if (prompt.negative.length > 0) {
            text.append(" negative=[").append(pairs(prompt.negative)).append(']');
        }
        if (chosen > 0) {
            text.append(" candidate=").append(chosen + 1);
        }
        return text.append(kept(choices)).toString();
    }

    /** The options of a command that has no prompt. */
    private static String options(Choices choices) {
        return "model=" + choices.model + kept(choices);
    }

    private static String kept(Choices choices) {
        StringBuilder text = new StringBuilder();
        if (choices.options.minArea > 0) {
            text.append(" min=").append(choices.options.minArea);
        }
        if (!choices.className.isEmpty()) {
            text.append(" class=[").append(choices.className).append(']');
        }
        if (!Choices.DEFAULT_PATTERN.equals(choices.pattern)) {
            text.append(" name=[").append(choices.pattern).append(']');
        }
        if (!Colours.BY_LABEL.equals(choices.colour)) {
            text.append(" colour=[").append(choices.colour).append(']');
        }
        if (choices.simplify > 0) {
            text.append(" simplify=").append(choices.simplify);
        }
        text.append(choices.options.fillHoles ? " fill" : "").append(choices.options.largestOnly ? " largest" : "");
        return text.toString();
    }

    private static String pairs(double[] points) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < points.length; i += 2) {
            text.append(i > 0 ? " " : "").append(join(new double[] {points[i], points[i + 1]}, ","));
        }
        return text.toString();
    }

    private static String join(double[] values, String between) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < values.length; i++) {
            text.append(i > 0 ? between : "");
            text.append(values[i] == Math.rint(values[i]) ? Long.toString((long) values[i]) : values[i]);
        }
        return text.toString();
    }
}
