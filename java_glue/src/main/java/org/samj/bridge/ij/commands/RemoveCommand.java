package org.samj.bridge.ij.commands;

import ij.IJ;
import ij.plugin.PlugIn;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.ij.Bridge;
import org.samj.bridge.ij.macros.Arguments;
import org.samj.bridge.ij.work.Desk;

/**
 * {@code run("SAMJ Remove", "everything")}: all that was set up is taken away, the models too. Without that word nothing
 * happens, and what would go is told.
 */
public final class RemoveCommand implements PlugIn {

    @Override
    public void run(String arg) {
        Command.runWithout(options -> {
            Desk desk = Bridge.required();
            if (!Arguments.flag(options, "everything")) {
                throw new SegmenterException("bad-option", ("Nothing was removed. " + desk.segmenter.removalWords()).trim(),
                    "Press Remove in the SAMJ panel, under Your set-up; or write run(\"SAMJ Remove\", \"everything\").");
            }
            desk.segmenter.remove(desk.talk.progress());
            desk.work.later(desk.scenes::forget);
            IJ.showStatus("SAMJ is removed.");
        });
    }
}
