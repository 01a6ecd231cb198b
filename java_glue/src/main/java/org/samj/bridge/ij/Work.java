package org.samj.bridge.ij;

import java.util.concurrent.BlockingDeque;
import java.util.concurrent.LinkedBlockingDeque;

/** The one thread that talks to the segmenter. The event thread only leaves jobs here. */
final class Work {

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
    void next(Runnable job) {
        jobs.addFirst(job);
    }

    /** Do this when everything else is done. */
    void later(Runnable job) {
        jobs.addLast(job);
    }

    /** Whether the calling thread is the worker's own. */
    boolean isHere() {
        return Thread.currentThread() == thread;
    }

    /** Take no more jobs; what waits is dropped, what runs ends by itself. */
    void close() {
        closed = true;
        jobs.clear();
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
