package org.samj.bridge.ij.panel;

import ij.IJ;
import ij.ImagePlus;
import ij.WindowManager;
import java.awt.BorderLayout;
import java.awt.EventQueue;
import javax.swing.JButton;
import javax.swing.JPanel;
import javax.swing.JProgressBar;
import org.samj.bridge.Segmenter;
import org.samj.bridge.ij.parts.Sizes;
import org.samj.bridge.ij.work.Desk;

/** What a button began and what takes a while: how far it is, and a button that stops it. On the event thread. */
final class Running extends JPanel {

    private final transient Desk desk;
    private final transient Runnable turned;
    private final JProgressBar progress = new JProgressBar();
    private final JButton cancel = new JButton("Cancel");
    private volatile boolean stop;

    /** Nothing yet; `turned` is called when something begins or ends. */
    Running(Desk desk, Runnable turned) {
        super(new BorderLayout(Sizes.em(0.5), 0));
        this.desk = desk;
        this.turned = turned;
        add(progress, BorderLayout.CENTER);
        add(cancel, BorderLayout.EAST);
        setVisible(false);
        cancel.setName("samj cancel");
        cancel.setToolTipText("Stop; what was found so far stays");
        cancel.addActionListener(e -> {
            stop = true;
            desk.talk.cancel();
        });
    }

    /** Something that waits; returns how it ended, in words. */
    interface Task {
        String on(ImagePlus imp);
    }

    /** Whether something is on its way. */
    boolean isBusy() {
        return isVisible();
    }

    /** Do something on a thread of its own, as a menu command would be; say how it ended. */
    void begin(String name, Task task) {
        ImagePlus imp = WindowManager.getCurrentImage();
        if (imp == null) {
            desk.talk.say("Open an image first.");
            return;
        }
        stop = false;
        busy(true);
        Thread thread = new Thread(() -> {
            try {
                String end = task.on(imp);
                EventQueue.invokeLater(() -> desk.talk.say(end));
            } catch (RuntimeException | Error error) {
                desk.talk.fail(error);
            } finally {
                EventQueue.invokeLater(() -> busy(false));
            }
        }, "SAMJ " + name);
        thread.setDaemon(true);
        thread.start();
    }

    /** Who is told how far it is: here, and in ImageJ's status bar. */
    Segmenter.Progress progress() {
        return new Segmenter.Progress() {
            @Override
            public void tell(String text, double fraction) {
                EventQueue.invokeLater(() -> {
                    desk.talk.show(text);
                    progress.setIndeterminate(fraction < 0);
                    progress.setValue((int) Math.round(100 * Math.max(0, fraction)));
                    if (fraction >= 0) {
                        IJ.showProgress(fraction);
                    }
                });
            }

            @Override
            public boolean isCancelled() {
                return stop;
            }
        };
    }

    private void busy(boolean on) {
        progress.setIndeterminate(on);
        setVisible(on);
        turned.run();
    }
}
