package org.samj.bridge.setup;

import org.samj.bridge.Segmenter.Progress;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.setup.SetUp.Job;

/** The steps, from nothing to a worker that answers. */
final class Steps {

    private final Place place;
    private final Progress progress;

    Steps(Place place, Progress progress) {
        this.place = place;
        this.progress = progress;
    }

    void run(Job job) {
        progress.tell("Looking at " + place.home, -1);
        throw new SegmenterException("not-set-up", "This jar can't " + job.name().toLowerCase(java.util.Locale.ROOT)
            + " yet.", "Run in a terminal: samj-bridge setup");
    }
}
