package org.samj.bridge.ij.commands;

import ij.IJ;
import ij.Macro;
import ij.plugin.PlugIn;
import java.util.Arrays;
import org.samj.bridge.Segmenter;
import org.samj.bridge.ij.Bridge;
import org.samj.bridge.ij.macros.Arguments;
import org.samj.bridge.ij.work.Desk;

/**
 * {@code run("SAMJ Install", "model=efficientvit-sam-l2")}: everything that a model needs, environment and weights, and
 * its worker started. Quick when it is there already. {@code accept}: whoever wrote this agrees to its licence.
 */
public final class InstallCommand implements PlugIn {

    @Override
    public void run(String arg) {
        Command.runWithout(options -> {
            Desk desk = Bridge.required();
            String model = Macro.getValue(options, "model", Arguments.choices("").model);
            Segmenter.Progress progress = desk.talk.progress();
            if (!desk.segmenter.isSetUp()) {
                desk.segmenter.setUp(progress);
            }
            // What is part of the package can't be installed, and what is there need not be.
            if (Arrays.stream(desk.segmenter.models()).noneMatch(known -> known.id.equals(model) && known.installed)) {
                desk.segmenter.install(model, Arguments.flag(options, "accept"), progress);
            }
            desk.work.call(() -> {
                desk.segmenter.prepare(model, progress);
                return null;
            });
            IJ.showStatus(model + " is ready.");
        });
    }
}
