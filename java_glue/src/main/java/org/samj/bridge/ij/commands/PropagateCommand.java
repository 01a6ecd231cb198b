package org.samj.bridge.ij.commands;

import ij.IJ;
import ij.Macro;
import ij.plugin.PlugIn;
import org.samj.bridge.ij.Bridge;
import org.samj.bridge.ij.macros.Arguments;
import org.samj.bridge.ij.results.Choices;
import org.samj.bridge.ij.tracks.Stacked;
import org.samj.bridge.ij.tracks.Through;
import org.samj.bridge.ij.work.Desk;

/**
 * {@code run("SAMJ Propagate", "model=starter from=1 to=30 way=forwards axis=z")}: the objects whose ROIs are selected in the
 * ROI Manager (none: all; without windows, of the overlay) are followed through the stack. With {@code correct=[NAME]} the
 * image's selection is that object on the plane shown, and what depends on it is followed anew.
 */
public final class PropagateCommand implements PlugIn {

    @Override
    public void run(String arg) {
        Command.run((imp, options) -> {
            Desk desk = Bridge.required();
            Choices choices = Arguments.choices(options);
            Stacked stack = Stacked.of(imp, Macro.getValue(options, "axis", ""));
            String name = Macro.getValue(options, "correct", "");
            boolean intoOverlay = Arguments.intoOverlay(options);
            String end = name.isEmpty()
                ? Through.follow(desk, stack, choices, Macro.getValue(options, "way", Through.WAYS.get(0)),
                    Arguments.number(options, "from", 0), Arguments.number(options, "to", 0), intoOverlay,
                    desk.talk.progress())
                : Through.correct(desk, stack, choices, name, intoOverlay, desk.talk.progress());
            IJ.showStatus(end);
        });
    }
}
