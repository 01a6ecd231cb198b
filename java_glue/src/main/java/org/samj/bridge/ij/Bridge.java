package org.samj.bridge.ij;

import ij.IJ;
import ij.ImageJ;
import ij.Menus;
import ij.gui.Toolbar;
import java.awt.EventQueue;
import java.awt.GraphicsEnvironment;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.samj.bridge.Segmenter;
import org.samj.bridge.SegmenterException;

/** The tool, the panel and the commands in one ImageJ, driven by one {@link Segmenter}. */
public final class Bridge {

    private static final String[][] COMMANDS = {
        {"SAMJ Panel", "org.samj.bridge.ij.PanelCommand"},
        {"SAMJ Segment", "org.samj.bridge.ij.SegmentCommand"},
        {"SAMJ Everything", "org.samj.bridge.ij.EverythingCommand"},
        {"SAMJ Export", "org.samj.bridge.ij.ExportCommand"},
    };

    private static volatile Bridge running;

    final Segmenter segmenter;
    final Work work = new Work();
    final Live live;
    private final Keys keys;
    private final Watch watch;
    private Panel panel;

    private Bridge(Segmenter segmenter) {
        this.segmenter = segmenter;
        this.live = new Live(segmenter, work);
        this.keys = new Keys(live);
        this.watch = new Watch(live);
    }

    /**
     * Put the tool into the toolbar, the commands into the menu, and listen to images.
     *
     * <p>Called again, it changes nothing: the first one stays. Without windows only the commands are there.
     *
     * @param segmenter who does the work
     */
    public static synchronized void install(Segmenter segmenter) {
        if (running != null) {
            return;
        }
        Bridge made = new Bridge(segmenter);
        running = made;
        addCommands();
        if (!GraphicsEnvironment.isHeadless() && IJ.getInstance() != null) {
            onEventThread(() -> {
                SamjTool tool = new SamjTool();
                // Installed once more, after it was taken out: the button is still there.
                if (Toolbar.getInstance().getToolId(tool.getToolName()) < 0) {
                    Toolbar.addPlugInTool(tool);
                }
                made.keys.install();
                made.watch.install();
                made.showPanel();
            });
        }
    }

    /** Take everything away again, and end the worker. Calling it twice is harmless. */
    public static synchronized void uninstall() {
        Bridge old = running;
        running = null;
        if (old == null) {
            return;
        }
        if (!GraphicsEnvironment.isHeadless()) {
            onEventThread(() -> {
                old.keys.remove();
                old.watch.remove();
                if (old.panel != null) {
                    old.panel.dispose();
                }
            });
        }
        old.work.close();
        old.segmenter.close();
    }

    /** Whether it is installed. */
    public static boolean isInstalled() {
        return running != null;
    }

    /** The one that runs; null: none, and the user is told how to get one. */
    static Bridge running() {
        Bridge there = running;
        if (there == null) {
            IJ.showStatus("SAMJ is not connected. Start ImageJ with: samj-bridge fiji");
        }
        return there;
    }

    /** The one that runs, for commands and macros. */
    static Bridge required() {
        Bridge there = running;
        if (there == null) {
            throw new SegmenterException("not-connected", "SAMJ is not connected to this ImageJ.",
                "Start it with: samj-bridge fiji, or call samj_bridge.fiji.attach(ij) in Python.");
        }
        return there;
    }

    /** Show the panel, made when first needed. On the event thread. */
    void showPanel() {
        if (panel == null) {
            panel = new Panel(this);
        }
        panel.setVisible(true);
    }

    /** Do something on the worker's thread and wait for it: for commands and macros, never on the event thread. */
    <T> T call(Callable<T> job) {
        if (EventQueue.isDispatchThread()) {
            throw new SegmenterException("event-thread", "This can't run on ImageJ's event thread.",
                "Run it from a macro, a script or the menu.");
        }
        FutureTask<T> task = new FutureTask<>(job);
        work.later(task);
        try {
            return task.get();
        } catch (ExecutionException error) {
            throw SegmenterException.of(error.getCause());
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
            throw new SegmenterException("cancelled", "Stopped on request.", "");
        }
    }

    @SuppressWarnings("unchecked")
    private static void addCommands() {
        ImageJ ij = IJ.getInstance();
        for (String[] command : COMMANDS) {
            if (Menus.getCommands() != null && Menus.getCommands().containsKey(command[0])) {
                continue;
            }
            if (ij != null) {
                onEventThread(() -> Menus.installPlugin(command[1], Menus.PLUGINS_MENU, command[0], "", ij));
            } else if (Menus.getCommands() != null) {
                Menus.getCommands().put(command[0], command[1]);
            }
        }
    }

    private static void onEventThread(Runnable job) {
        if (EventQueue.isDispatchThread()) {
            job.run();
            return;
        }
        try {
            EventQueue.invokeAndWait(job);
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        } catch (java.lang.reflect.InvocationTargetException error) {
            throw SegmenterException.of(error.getCause());
        }
    }
}
