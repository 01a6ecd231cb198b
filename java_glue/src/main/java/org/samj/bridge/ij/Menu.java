package org.samj.bridge.ij;

import ij.CommandListener;
import ij.Executer;
import ij.IJ;
import ij.ImageJ;
import ij.Menus;
import java.awt.HeadlessException;
import java.awt.MenuItem;
import java.util.Arrays;
import java.util.Map;
import org.samj.bridge.ij.work.Log;

/**
 * The commands in an ImageJ that runs already and has not read our plugins.config: in its table, in its menu, and for
 * its class loader. By their names, as ImageJ knows them: they stand above all else here, and call {@link Bridge}.
 */
final class Menu {

    /** Its menu within {@code Plugins}. */
    private static final String TITLE = "SAMJ";
    private static final String REFRESH = "Refresh Menus";

    /** What plugins.config has too: a test holds them together. */
    private static final String[][] COMMANDS = {
        {"SAMJ Panel", "org.samj.bridge.ij.commands.PanelCommand"},
        {"SAMJ Segment", "org.samj.bridge.ij.commands.SegmentCommand"},
        {"SAMJ Everything", "org.samj.bridge.ij.commands.EverythingCommand"},
        {"SAMJ Batch", "org.samj.bridge.ij.commands.BatchCommand"},
        {"SAMJ Propagate", "org.samj.bridge.ij.commands.PropagateCommand"},
        {"SAMJ Install", "org.samj.bridge.ij.commands.InstallCommand"},
        {"SAMJ Device", "org.samj.bridge.ij.commands.DeviceCommand"},
        {"SAMJ Export", "org.samj.bridge.ij.commands.ExportCommand"},
        {"SAMJ Repair", "org.samj.bridge.ij.commands.RepairCommand"},
        {"SAMJ Remove", "org.samj.bridge.ij.commands.RemoveCommand"},
    };

    /** Whoever refreshes the menus or compiles a plugin takes ours out of table and class loader. */
    private static final CommandListener KEEPER = Menu::executing;

    private Menu() {
    }

    static String[] names() {
        return Arrays.stream(COMMANDS).map(command -> command[0]).toArray(String[]::new);
    }

    /** Add those that are missing. */
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
        Reach.extend(COMMANDS[0][1]);
        if (ij != null && Menus.getCommands() != null) {
            Bridge.onEventThread(() -> addItems(ij));
        }
        enter();
    }

    /** Enter what is missing into ImageJ's table of commands. */
    @SuppressWarnings("unchecked")
    private static void enter() {
        Map<String, String> table = Menus.getCommands();
        if (table != null) {
            for (String[] command : COMMANDS) {
                table.putIfAbsent(command[0], command[1]);
            }
        }
    }

    /** Add an item to the menu for each command that ImageJ has no item for: what is in its table has one. */
    private static void addItems(ImageJ ij) {
        java.awt.Menu plugins = Menus.getImageJMenu("Plugins");
        for (String[] command : COMMANDS) {
            if (plugins == null || Menus.getCommands().containsKey(command[0])) {
                continue;
            }
            MenuItem item = new MenuItem(command[0]);
            item.addActionListener(ij);
            submenu(plugins).add(item);
        }
    }

    private static java.awt.Menu submenu(java.awt.Menu plugins) {
        for (int i = 0; i < plugins.getItemCount(); i++) {
            if (plugins.getItem(i) instanceof java.awt.Menu && TITLE.equals(plugins.getItem(i).getLabel())) {
                return (java.awt.Menu) plugins.getItem(i);
            }
        }
        java.awt.Menu made = new java.awt.Menu(TITLE);
        plugins.add(made);
        return made;
    }

    /** Those that ImageJ would not find, or for which it would find other classes than these. */
    static String[] unknown() {
        Map<?, ?> table = Menus.getCommands();
        return Arrays.stream(COMMANDS)
            .filter(command -> table == null || !table.containsKey(command[0]) || !Reach.isOurs(command[1]))
            .map(command -> command[0]).toArray(String[]::new);
    }

    /** See to it that they stay. */
    static void keep() {
        Executer.addCommandListener(KEEPER);
    }

    static void keepNoMore() {
        Executer.removeCommandListener(KEEPER);
    }

    /** What ImageJ is about to do; it waits, and so may the event thread: no waiting for that here. */
    private static String executing(String command) {
        if (REFRESH.equals(command)) {
            Thread refreshing = Thread.currentThread();
            Thread after = new Thread(() -> addAfter(refreshing), "SAMJ menu");
            after.setDaemon(true);
            after.start();
        } else if (Arrays.stream(COMMANDS).anyMatch(ours -> ours[0].equals(command))) {
            Reach.extend(COMMANDS[0][1]);
            enter();
        }
        return command;
    }

    private static void addAfter(Thread refreshing) {
        try {
            refreshing.join();
            add();
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        } catch (RuntimeException | Error error) {
            Log.add(error);
        }
    }
}
