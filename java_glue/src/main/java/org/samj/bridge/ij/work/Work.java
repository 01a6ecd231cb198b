package org.samj.bridge.ij.work;

import ij.IJ;
import java.awt.EventQueue;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingDeque;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingDeque;
import org.samj.bridge.SegmenterException;

/** The one thread that talks to the segmenter. The event thread only leaves jobs here. */
public final class Work {

    private final BlockingDeque<Runnable> jobs = new LinkedBlockingDeque<>();
    private final Thread thread;
    private volatile boolean closed;

    Work() {
        thread = new Thread(this::run, "SAMJ worker");
        thread.setDaemon(true);
        // Without one, Swing's look and feel can't be found by whatever the job calls.
        thread.setContextClassLoader(Work.class.getClassLoader());
        thread.start();
    }

    /** Do this next, before what waits: the newest prompt is the one that the user looks at. */
    public void next(Runnable job) {
        jobs.addFirst(job);
        dropIfClosed();
    }

    /** Do this when everything else is done. */
    public void later(Runnable job) {
        jobs.addLast(job);
        dropIfClosed();
    }

    /** Whether something waits for what is being done now. */
    public boolean isAwaited() {
        return !jobs.isEmpty();
    }

    /** Do something on the worker's thread and wait for it: for commands and macros, never on the event thread. */
    public <T> T call(Callable<T> job) {
        if (EventQueue.isDispatchThread()) {
            throw new SegmenterException("event-thread", "This can't run on ImageJ's event thread.",
                "Run it from a macro, a script or the menu.");
        }
        FutureTask<T> task = new FutureTask<>(job);
        later(task);
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

    /** Take no more jobs; what waits is dropped, whoever waits for it is told, and what runs ends by itself. */
    public void close() {
        closed = true;
        dropIfClosed();
    }

    /** Wait until what runs has ended, so that nobody calls into a program that ends; at most so long. */
    public void join(long millis) {
        if (Thread.currentThread() == thread || EventQueue.isDispatchThread()) {
            return;
        }
        try {
            thread.join(millis);
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        }
    }

    private void dropIfClosed() {
        if (!closed) {
            return;
        }
        List<Runnable> left = new ArrayList<>();
        jobs.drainTo(left);
        for (Runnable job : left) {
            if (job instanceof Future) {
                ((Future<?>) job).cancel(false);
            }
        }
        // Wakes the thread, which ends then.
        jobs.addFirst(() -> { });
    }

    private void run() {
        while (!closed) {
            try {
                jobs.take().run();
            } catch (InterruptedException stop) {
                return;
            } catch (RuntimeException | Error error) {
                // A job shows its own errors; one that could not must not end the thread for all the others.
                Log.add(error);
            }
        }
    }
}
