package org.samj.bridge.ij.models;

import java.awt.BorderLayout;
import java.awt.EventQueue;
import java.util.function.Consumer;
import java.util.function.Supplier;
import javax.swing.JButton;
import javax.swing.JLabel;
import javax.swing.JPanel;
import javax.swing.JProgressBar;
import org.samj.bridge.Segmenter;
import org.samj.bridge.ij.parts.Sizes;
import org.samj.bridge.ij.work.Desk;

/** Something long about a model, one at a time: how far it is, and a button that stops it. On the event thread. */
final class Fetching extends JPanel {

    private final transient Desk desk;
    private final transient Runnable ended;
    private final JLabel state = new JLabel(" ");
    private final JProgressBar progress = new JProgressBar();
    private final JButton cancel = new JButton("Cancel");
    private transient volatile Thread beside;
    private volatile boolean stop;
    private boolean busy;

    /** Nothing yet; `ended` is called whenever something has. */
    Fetching(Desk desk, Runnable ended) {
        super(new BorderLayout(Sizes.em(0.5), Sizes.em(0.2)));
        this.desk = desk;
        this.ended = ended;
        add(state, BorderLayout.NORTH);
        add(progress, BorderLayout.CENTER);
        add(cancel, BorderLayout.EAST);
        setVisible(false);
        state.setName("samj state");
        progress.setName("samj installing");
        cancel.setName("samj cancel installation");
        cancel.setToolTipText("Stop; what came so far is kept, and the next try goes on from there");
        cancel.addActionListener(e -> stop = true);
    }

    boolean isBusy() {
        return busy;
    }

    /** Do something on the worker's thread: nothing else can be done meanwhile. */
    void onWorker(String words, Consumer<Segmenter.Progress> job, Supplier<String> done) {
        if (begin(words)) {
            desk.work.later(() -> attempt(job, done));
        }
    }

    /** On a thread of its own: who waits for a download goes on drawing with another model. */
    void beside(String words, Consumer<Segmenter.Progress> job, Supplier<String> done) {
        if (begin(words)) {
            Thread thread = new Thread(() -> attempt(job, done), "SAMJ installation");
            thread.setDaemon(true);
            thread.setContextClassLoader(Fetching.class.getClassLoader());
            beside = thread;
            thread.start();
        }
    }

    void stop() {
        stop = true;
    }

    /** Wait a moment for what was stopped. Not on the event thread. */
    void join() {
        Thread thread = beside;
        if (thread == null) {
            return;
        }
        try {
            thread.join(5000);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private boolean begin(String words) {
        if (busy) {
            return false;
        }
        stop = false;
        busy = true;
        state.setText(words);
        // In place of what was told of an earlier try.
        desk.talk.say(words + ".");
        progress.setIndeterminate(true);
        setVisible(true);
        return true;
    }

    private void attempt(Consumer<Segmenter.Progress> job, Supplier<String> done) {
        try {
            job.accept(new Steps());
            EventQueue.invokeLater(() -> desk.talk.say(done.get()));
        } catch (RuntimeException | Error error) {
            desk.talk.fail(error);
        }
        EventQueue.invokeLater(() -> {
            busy = false;
            setVisible(false);
            ended.run();
        });
    }

    private final class Steps implements Segmenter.Progress {
        @Override
        public void tell(String text, double fraction) {
            EventQueue.invokeLater(() -> {
                if (!busy) {
                    return;
                }
                state.setText(text);
                state.setToolTipText(text);
                progress.setIndeterminate(fraction < 0);
                progress.setValue((int) Math.round(100 * Math.max(0, fraction)));
            });
        }

        @Override
        public boolean isCancelled() {
            return stop;
        }
    }
}
