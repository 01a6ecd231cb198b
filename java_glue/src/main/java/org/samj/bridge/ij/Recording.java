package org.samj.bridge.ij;

import ij.ImagePlus;
import ij.plugin.frame.Recorder;
import org.samj.bridge.Prompt;

/** What is done by hand, as the macro line that does it again. */
final class Recording {

    private Recording() {
    }

    static void segment(Proposal taken, Choices choices) {
        record(options(taken, choices));
    }

    static void labels(ImagePlus labels, Choices choices) {
        record("model=" + choices.model + " labels=[" + labels.getTitle() + "]" + kept(choices));
    }

    private static void record(String options) {
        if (Recorder.record && !Recorder.scriptMode()) {
            Recorder.recordString("run(\"SAMJ Segment\", \"" + options + "\");\n");
        }
    }

    static String options(Proposal taken, Choices choices) {
        Prompt prompt = taken.prompt;
        StringBuilder text = new StringBuilder("model=" + taken.model);
        if (prompt.box != null) {
            text.append(" box=").append(join(prompt.box, ","));
        }
        if (prompt.positive.length > 0) {
            text.append(" points=[").append(pairs(prompt.positive)).append(']');
        }
        if (prompt.negative.length > 0) {
            text.append(" negative=[").append(pairs(prompt.negative)).append(']');
        }
        if (taken.chosen > 0) {
            text.append(" candidate=").append(taken.chosen + 1);
        }
        return text.append(kept(choices)).toString();
    }

    private static String kept(Choices choices) {
        StringBuilder text = new StringBuilder();
        if (choices.options.minArea > 0) {
            text.append(" min=").append(choices.options.minArea);
        }
        if (!choices.className.isEmpty()) {
            text.append(" class=[").append(choices.className).append(']');
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
