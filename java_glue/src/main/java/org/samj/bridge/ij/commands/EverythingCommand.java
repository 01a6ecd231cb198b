package org.samj.bridge.ij.commands;

import ij.IJ;
import ij.plugin.PlugIn;
import org.samj.bridge.ij.Bridge;
import org.samj.bridge.ij.batch.Everything;
import org.samj.bridge.ij.macros.Arguments;
import org.samj.bridge.ij.results.Choices;

/** {@code run("SAMJ Everything", "model=starter min=20 max=500")}: every object of the image, or of its selection. */
public final class EverythingCommand implements PlugIn {

    @Override
    public void run(String arg) {
        Command.run((imp, options) -> {
            Choices choices = Arguments.choices(options);
            int count = Everything.find(Bridge.required(), imp, choices, Arguments.number(options, "max", 0),
                Arguments.intoOverlay(options));
            IJ.showStatus(count == 0 ? "No objects were found." : count + " objects were found.");
        });
    }
}
