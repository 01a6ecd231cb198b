package org.samj.bridge.ij.commands;

import ij.plugin.PlugIn;
import java.awt.EventQueue;
import org.samj.bridge.ij.Bridge;

/** Plugins &gt; SAMJ Panel. */
public final class PanelCommand implements PlugIn {

    @Override
    public void run(String arg) {
        if (Bridge.running() != null) {
            EventQueue.invokeLater(Bridge::showPanel);
        }
    }
}
