package org.samj.bridge.ij;

import ij.IJ;
import ij.ImageJ;
import ij.Menus;
import ij.gui.Toolbar;
import java.awt.EventQueue;
import java.awt.GraphicsEnvironment;
import java.awt.HeadlessException;
import java.lang.reflect.InvocationTargetException;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.samj.bridge.Segmenter;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.ij.panel.Panel;
import org.samj.bridge.ij.tool.Keys;
import org.samj.bridge.ij.tool.Live;
import org.samj.bridge.ij.tool.SamjTool;
import org.samj.bridge.ij.tool.Watch;
import org.samj.bridge.ij.work.Log;
import org.samj.bridge.ij.work.Work;

/** The tool, the panel and the commands in one ImageJ, driven by one {@link Segmenter}. */
public final class Bridge {

    private static final String[][] COMMANDS = {
        {"SAMJ Panel", "org.samj.bridge.ij.commands.PanelCommand"},
        {"SAMJ Segment", "org.samj.bridge.ij.commands.SegmentCommand"},
        {"SAMJ Everything", "org.samj.bridge.ij.commands.EverythingCommand"},
        {"SAMJ Export", "org.samj.bridge.ij.commands.ExportCommand"},
    };

    private static final long JOIN_MS = 10_000;

    private static volatile Bridge running;

    public final Segmenter segmenter;
    public final Work work = new Work();
    public final Live live;
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
    public static void install(Segmenter segmenter) {
        Bridge made;
        synchronized (Bridge.class) {
            if (running != null) {
                return;
            }
            made = new Bridge(segmenter);
            running = made;
        }
        // Without the lock: the event thread, which is waited for, may be about to take it.
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
    public static void uninstall() {
        Bridge old;
        synchronized (Bridge.class) {
            old = running;
            running = null;
        }
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
        old.live.cancel();
        if (old.panel != null && !EventQueue.isDispatchThread()) {
            old.panel.join();
        }
        old.work.close();
        old.segmenter.close();
        // Python may end next: no call of ours may be on its way into it then.
        old.work.join(JOIN_MS);
    }

    /** Whether it is installed. */
    public static boolean isInstalled() {
        return running != null;
    }

    /** The one that runs, installed now if it can be; null: none, and the user is told how to get one. */
    public static Bridge running() {
        SegmenterException missing = installOwn();
        if (missing != null) {
            IJ.showStatus(missing.sentence());
        }
        return running;
    }

    /** The one that runs, for commands and macros; installed now if it can be. */
    public static Bridge required() {
        SegmenterException missing = installOwn();
        Bridge there = running;
        if (missing != null || there == null) {
            throw missing != null ? missing : new SegmenterException("not-connected",
                "SAMJ was taken out of this ImageJ a moment ago.", "Try again.");
        }
        return there;
    }

    /**
     * Where nobody has installed a segmenter, take the one that starts its worker from Java, if its parts are there.
     *
     * @return why there is none, in words; null: there is one
     */
    private static SegmenterException installOwn() {
        if (running != null) {
            return null;
        }
        Throwable cause;
        try {
            // By its name: Appose, which it needs, is not part of every ImageJ.
            Class<?> type = Class.forName("org.samj.bridge.appose.ApposeSegmenter");
            install((Segmenter) type.getMethod("ready").invoke(null));
            return null;
        } catch (InvocationTargetException error) {
            cause = error.getCause();
        } catch (ReflectiveOperationException | LinkageError error) {
            cause = error;
        }
        if (cause instanceof SegmenterException) {
            SegmenterException why = (SegmenterException) cause;
            return new SegmenterException(why.code(), "SAMJ is not connected to this ImageJ. " + why.getMessage(),
                "Start ImageJ with: samj-bridge fiji. Or, without Python in it: " + why.hint());
        }
        return new SegmenterException("not-connected", "SAMJ is not connected to this ImageJ, and can't start its worker"
            + " itself: Appose is not there (" + cause + ").", "Start ImageJ with: samj-bridge fiji, or call"
            + " samj_bridge.fiji.attach(ij) in Python. Or add Appose's jars to ImageJ, and run: samj-bridge setup");
    }

    /** Show the panel, made when first needed. On the event thread. */
    public void showPanel() {
        if (panel == null) {
            panel = new Panel(this);
        }
        panel.setVisible(true);
    }

    /** Do something on the worker's thread and wait for it: for commands and macros, never on the event thread. */
    public <T> T call(Callable<T> job) {
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
        } catch (CancellationException closed) {
            throw new SegmenterException("cancelled", "SAMJ was closed before this was done.", "");
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
            throw new SegmenterException("cancelled", "Stopped on request.", "");
        } finally {
            // Takes the bar in ImageJ's window away, after whatever was told of it.
            EventQueue.invokeLater(() -> IJ.showProgress(1.0));
        }
    }

    @SuppressWarnings("unchecked")
    private static void addCommands() {
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
                onEventThread(() -> Menus.installPlugin(command[1], Menus.PLUGINS_MENU, command[0], "", ij));
            } else {
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
        } catch (InvocationTargetException error) {
            throw SegmenterException.of(error.getCause());
        }
    }
}
