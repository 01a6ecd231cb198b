package org.samj.bridge.appose;

import org.samj.bridge.SegmenterException;

/** The worker's process ended while it was needed: what was asked may be asked again of another one. */
final class WorkerDied extends SegmenterException {

    private static final long serialVersionUID = 1L;

    WorkerDied(String message, String hint) {
        super("worker-crashed", message, hint);
    }
}
