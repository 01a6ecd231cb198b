package org.samj.bridge.ij;

import ij.IJ;
import ij.ImageJ;
import ij.Menus;
import java.awt.HeadlessException;
import org.samj.bridge.ij.work.Log;

/**
 * The commands in ImageJ's menu, where its own plugins.config was not read: ImageJ runs already. By their names, as
 * ImageJ knows them: they stand above all else here, and call {@link Bridge}.
 */
final class Menu {

    /** What plugins.config has too: a test holds them together. */
    private static final String[][] COMMANDS = {
        {"SAMJ Panel", "org.samj.bridge.ij.commands.PanelCommand"},
        {"SAMJ Segment", "org.samj.bridge.ij.commands.SegmentCommand"},
        {"SAMJ Everything", "org.samj.bridge.ij.commands.EverythingCommand"},
        {"SAMJ Export", "org.samj.bridge.ij.commands.ExportCommand"},
    };

    private Menu() {
    }

    /** Add those that are missing. */
    @SuppressWarnings("unchecked")
    static void add() {
        ImageJ ij = IJ.getInstance();
        if (ij == null && Menus.getCommands() == null) {
            try {
                // Without windows ImageJ 1.x gives up while it makes its menus, the first time that anything is run,
                // and leaves an empty table of commands behind. Let that happen now: ours go into the table.
                IJ.run("");
            } catch (HeadlessException expected) {
                Log.add("ImageJ has no menus here, so that macros find the commands of SAMJ only.");
            }
        }
        for (String[] command : COMMANDS) {
            if (Menus.getCommands() == null || Menus.getCommands().containsKey(command[0])) {
                continue;
            }
            if (ij != null) {
                Bridge.onEventThread(() -> Menus.installPlugin(command[1], Menus.PLUGINS_MENU, command[0], "", ij));
            } else {
                Menus.getCommands().put(command[0], command[1]);
            }
        }
    }
}
