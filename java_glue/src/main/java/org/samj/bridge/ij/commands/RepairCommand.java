package org.samj.bridge.ij.commands;

import ij.IJ;
import ij.plugin.PlugIn;
import org.samj.bridge.ij.Bridge;
import org.samj.bridge.ij.work.Desk;

/** {@code run("SAMJ Repair")}: what was set up is tried out, and made anew where it is broken. */
public final class RepairCommand implements PlugIn {

    @Override
    public void run(String arg) {
        Command.runWithout(options -> {
            Desk desk = Bridge.required();
            desk.segmenter.repair(desk.talk.progress());
            desk.work.later(desk.scenes::forget);
            IJ.showStatus("Repaired: SAMJ is ready.");
        });
    }
}
