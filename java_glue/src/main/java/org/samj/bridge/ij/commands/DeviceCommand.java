package org.samj.bridge.ij.commands;

import ij.IJ;
import ij.Macro;
import ij.plugin.PlugIn;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.ij.Bridge;
import org.samj.bridge.ij.work.Desk;

/** {@code run("SAMJ Device", "device=cpu")}: what networks run on from now on: auto, cpu, or a GPU as cuda or mps. */
public final class DeviceCommand implements PlugIn {

    @Override
    public void run(String arg) {
        Command.runWithout(options -> {
            Desk desk = Bridge.required();
            String device = Macro.getValue(options, "device", "").trim();
            if (!device.matches("auto|cpu|mps|cuda(:[0-9]+)?")) {
                throw new SegmenterException("bad-option", "device=" + device + " is no device.",
                    "Write device=auto, device=cpu, device=cuda or device=mps.");
            }
            desk.work.call(() -> {
                desk.scenes.forget();
                desk.segmenter.useDevice(device);
                return null;
            });
            IJ.showStatus("The next prompt runs on " + device + ".");
        });
    }
}
