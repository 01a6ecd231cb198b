package org.samj.bridge.ij.work;

import ij.IJ;
import java.awt.EventQueue;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.samj.bridge.Segmenter;
import org.samj.bridge.SegmenterException;

/** What is told to the user, and whether she wants what is being done to stop. */
public final class Talk {

    private Consumer<String> teller = message -> { };
    private Consumer<SegmenterException> mender = error -> { };
    private volatile boolean cancelled;

    /** Whoever shows messages, such as the panel. */
    public void tellTo(Consumer<String> newTeller) {
        teller = newTeller;
    }

    /** Whoever offers a way out of an error, after it was told. */
    public void tellErrorsTo(Consumer<SegmenterException> newMender) {
        mender = newMender;
    }

    /** Tell something, and keep it in the log. On the event thread. */
    public void say(String message) {
        Log.add(message);
        show(message);
    }

    /** Tell something that is true for the moment only. On the event thread. */
    public void show(String message) {
        IJ.showStatus(message);
        try {
            teller.accept(message);
        } catch (RuntimeException | Error error) {
            // What is told is not what is done: that goes on.
            Log.add(error);
        }
    }

    /** Show an error in words. From any thread. */
    public void fail(Throwable error) {
        SegmenterException told = SegmenterException.of(error);
        Log.add(error);
        EventQueue.invokeLater(() -> {
            IJ.showProgress(1.0);
            say(told.sentence());
            try {
                mender.accept(told);
            } catch (RuntimeException | Error worse) {
                Log.add(worse);
            }
        });
    }

    /**
     * Do something for one of ImageJ's listeners. What goes wrong is told, and goes no further: ImageJ's own part of
     * the event, and that of other plugins, is still to come.
     */
    public void guarded(Runnable job) {
        try {
            job.run();
        } catch (RuntimeException | Error error) {
            fail(error);
        }
    }

    /** Progress to the status bar and to whoever listens, of something that begins now. */
    public Segmenter.Progress progress() {
        return progress(() -> false);
    }

    /** The same, of something that stops as well when nobody wants it any more. */
    public Segmenter.Progress progress(BooleanSupplier unwanted) {
        goOn();
        return new Segmenter.Progress() {
            @Override
            public void tell(String message, double fraction) {
                EventQueue.invokeLater(() -> {
                    if (fraction < 0) {
                        say(message);
                        return;
                    }
                    show(message);
                    IJ.showProgress(fraction);
                });
            }

            @Override
            public boolean isCancelled() {
                return cancelled || unwanted.getAsBoolean();
            }
        };
    }

    /** Stop what is being done. */
    public void cancel() {
        cancelled = true;
    }

    /** What was stopped before says nothing of what begins now. */
    public void goOn() {
        cancelled = false;
    }
}
