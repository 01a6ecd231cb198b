package org.samj.bridge.ij;

import ij.IJ;
import ij.gui.Toolbar;
import ij.macro.Interpreter;
import java.awt.EventQueue;
import java.awt.GraphicsEnvironment;
import java.lang.reflect.InvocationTargetException;
import javax.swing.JOptionPane;
import org.samj.bridge.Segmenter;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.ij.panel.Panel;
import org.samj.bridge.ij.tool.Keys;
import org.samj.bridge.ij.tool.Live;
import org.samj.bridge.ij.tool.SamjTool;
import org.samj.bridge.ij.tool.Watch;
import org.samj.bridge.ij.work.Desk;
import org.samj.bridge.setup.OwnSegmenter;
import org.samj.bridge.setup.SetUp;

/** The tool, the panel and the commands in one ImageJ, driven by one {@link Segmenter}. */
public final class Bridge {

    private static final long JOIN_MS = 10_000;

    private static volatile Bridge running;

    private final Desk desk;
    private final Live live;
    private final Keys keys;
    private final Watch watch;
    private Panel panel;

    private Bridge(Segmenter segmenter) {
        this.desk = new Desk(segmenter);
        this.live = new Live(desk);
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
        Menu.add();
        Menu.keep();
        if (!GraphicsEnvironment.isHeadless() && IJ.getInstance() != null) {
            onEventThread(() -> {
                giveClassLoader();
                SamjTool tool = new SamjTool(Bridge::runningLive, Bridge::connectedLive, Bridge::showPanel);
                // Installed once more, after it was taken out: the button is still there.
                if (Toolbar.getInstance().getToolId(tool.getToolName()) < 0) {
                    Toolbar.addPlugInTool(tool);
                }
                made.keys.install();
                made.watch.install();
                made.show();
            });
        }
    }

    /** Take everything away again, and end the worker. Calling it twice is harmless. */
    public static void uninstall() {
        Bridge old = taken();
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
        old.finish();
    }

    /**
     * End the work and the worker, and leave the windows as they are: for whoever ends the program. Java's event thread
     * may be the one that does; so it is not waited for here.
     */
    public static void end() {
        Bridge old = taken();
        if (old != null) {
            if (old.panel != null) {
                old.panel.stop();
            }
            old.finish();
        }
    }

    private static Bridge taken() {
        synchronized (Bridge.class) {
            Bridge old = running;
            running = null;
            return old;
        }
    }

    private void finish() {
        Menu.keepNoMore();
        desk.talk.cancel();
        if (panel != null && !EventQueue.isDispatchThread()) {
            panel.join();
        }
        desk.work.close();
        desk.segmenter.close();
        // Python may end next: no call of ours may be on its way into it then.
        desk.work.join(JOIN_MS);
    }

    /** Whether it is installed. */
    public static boolean isInstalled() {
        return running != null;
    }

    /** What is shared, installed now if it can be; null: nothing is, and the user is told how to get it. */
    public static Desk running() {
        Bridge there = connected();
        return there == null ? null : there.desk;
    }

    /**
     * What is shared, for commands and macros; installed now if it can be.
     *
     * @throws SegmenterException it can't be; with both ways out
     */
    public static Desk required() {
        SegmenterException missing = installOwn();
        Bridge there = running;
        if (missing != null || there == null) {
            throw missing != null ? missing : new SegmenterException("not-connected",
                "SAMJ was taken out of this ImageJ a moment ago.", "Try again.");
        }
        return there.desk;
    }

    /** Show the panel, of what is installed now if it can be. On the event thread. */
    public static void showPanel() {
        Bridge there = connected();
        if (there != null) {
            there.show();
        }
    }

    /** Show the panel, made when first needed. */
    private void show() {
        if (panel == null) {
            panel = new Panel(desk, live);
        }
        panel.setVisible(true);
    }

    private static Live runningLive() {
        Bridge there = running;
        return there == null ? null : there.live;
    }

    private static Live connectedLive() {
        Bridge there = connected();
        return there == null ? null : there.live;
    }

    private static Bridge connected() {
        SegmenterException missing = installOwn();
        if (missing != null) {
            IJ.showStatus(missing.sentence());
        }
        return running;
    }

    /**
     * Where nobody has installed a segmenter, take the one that starts its worker from Java, and sets up what is missing.
     *
     * @return why there is none, in words; null: there is one
     */
    private static SegmenterException installOwn() {
        if (running != null) {
            return null;
        }
        try {
            install(OwnSegmenter.make(Bridge::mayBeSetUp));
            return null;
        } catch (SegmenterException why) {
            return why;
        }
    }

    /** Whether the user wants a set-up now; nobody is asked where nobody watches, or a macro runs. */
    private static boolean mayBeSetUp(SetUp setUp) {
        if (GraphicsEnvironment.isHeadless() || IJ.getInstance() == null || Interpreter.getInstance() != null
            || IJ.macroRunning()) {
            return false;
        }
        boolean[] yes = {false};
        onEventThread(() -> yes[0] = JOptionPane.showConfirmDialog(IJ.getInstance(), "<html><body width='360'>"
            + setUp.sentence() + "<br><br>" + setUp.action() + " now? It can be cancelled at any time, and goes on later from"
            + " there.", "SAMJ", JOptionPane.OK_CANCEL_OPTION, JOptionPane.QUESTION_MESSAGE) == JOptionPane.OK_OPTION);
        return yes[0];
    }

    /** The names of the commands for menus, macros and scripts. */
    public static String[] commands() {
        return Menu.names();
    }

    /** The commands that this ImageJ would not find, or for which it would find other classes than these. */
    public static String[] unknownCommands() {
        return Menu.unknown();
    }

    /** A thread of Python's may have started the event thread: it has none then, and Swing's themes need one. */
    private static void giveClassLoader() {
        if (Thread.currentThread().getContextClassLoader() == null) {
            Thread.currentThread().setContextClassLoader(Bridge.class.getClassLoader());
        }
    }

    static void onEventThread(Runnable job) {
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
