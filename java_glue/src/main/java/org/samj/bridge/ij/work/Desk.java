package org.samj.bridge.ij.work;

import org.samj.bridge.Segmenter;
import org.samj.bridge.ij.images.Scenes;
import org.samj.bridge.ij.results.Results;

/** What tool, panel and commands share in one ImageJ. */
public final class Desk {

    /** Who does the work; called on the thread of {@link #work}. */
    public final Segmenter segmenter;
    /** The one thread that talks to the segmenter. */
    public final Work work = new Work();
    /** What the user is told. */
    public final Talk talk = new Talk();
    /** What the segmenter has read already; on the thread of {@link #work}. */
    public final Scenes scenes;
    /** What was accepted; on the event thread. */
    public final Results results = new Results();

    /** A desk with nothing on it. */
    public Desk(Segmenter segmenter) {
        this.segmenter = segmenter;
        this.scenes = new Scenes(segmenter);
    }
}
