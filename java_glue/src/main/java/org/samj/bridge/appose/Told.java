package org.samj.bridge.appose;

import java.util.logging.Level;
import java.util.logging.Logger;
import org.samj.bridge.Segmenter;
import org.samj.bridge.SegmenterException;

/**
 * A caller's progress that can't end the work: what goes wrong in it is logged, once, and the work goes on. An
 * exception of the code {@code cancelled} is the caller's way to stop, and goes through.
 */
final class Told implements Segmenter.Progress {

    private static final Logger LOG = Logger.getLogger("org.samj.bridge");

    private final Segmenter.Progress caller;
    private volatile boolean complained;

    private Told(Segmenter.Progress caller) {
        this.caller = caller;
    }

    /** A caller's progress, so guarded; null: tells nobody. */
    static Segmenter.Progress to(Segmenter.Progress caller) {
        return caller == null ? ApposeSegmenter.SILENT : caller instanceof Told ? caller : new Told(caller);
    }

    @Override
    public void tell(String message, double fraction) {
        try {
            caller.tell(message, fraction);
        } catch (RuntimeException | Error error) {
            complain(error);
        }
    }

    @Override
    public void at(int[] area) {
        try {
            caller.at(area);
        } catch (RuntimeException | Error error) {
            complain(error);
        }
    }

    @Override
    public boolean isCancelled() {
        try {
            return caller.isCancelled();
        } catch (RuntimeException | Error error) {
            complain(error);
            return false;
        }
    }

    private void complain(Throwable error) {
        if (error instanceof SegmenterException && ((SegmenterException) error).code().equals("cancelled")) {
            throw (SegmenterException) error;
        }
        if (!complained) {
            // It is asked many times in a second: one line says it.
            complained = true;
            LOG.log(Level.WARNING, "A progress that was to be told of the segmenter's work failed; the work goes on.",
                error);
        }
    }
}
