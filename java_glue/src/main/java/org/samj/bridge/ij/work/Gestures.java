package org.samj.bridge.ij.work;

import ij.ImagePlus;

/** What the panel asks of the tool. On the event thread. */
public interface Gestures {

    /** How far the tool is on an image. */
    enum State {
        /** No object is asked for or shown. */
        FREE,
        /** An object is on its way. */
        ASKED,
        /** An object is shown, and neither kept nor dropped yet. */
        SHOWN,
    }

    /** Make the tool the one that clicks on images mean. */
    void takeTool();

    /** Whether clicks on images mean the tool. */
    boolean isToolTaken();

    /** How far it is on an image. */
    State state(ImagePlus imp);

    /** Put the object that is shown on the current image into the ROI Manager. */
    void accept();

    /** Ask once more what was asked last. */
    void again();
}
