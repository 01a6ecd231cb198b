package org.samj.bridge;

/**
 * Whatever turns images and prompts into outlines: Python through a JPype proxy, or a worker started from Java.
 *
 * <p>No type of ImageJ appears here. Every method may block; it is called on one background thread, never on the
 * event thread, and throws {@link SegmenterException} with words for people.
 */
public interface Segmenter {

    /** Models that can be chosen, the recommended one first. Quick: no network. */
    ModelInfo[] models();

    /**
     * Make everything ready for a model: environment, weights, worker. Quick when it is ready already.
     *
     * @param model id of the model
     * @param progress told what happens, asked whether to stop
     */
    void prepare(String model, Progress progress);

    /** A line on what the worker runs on, such as "cpu, 2 threads"; empty before {@link #prepare}. */
    String device();

    /**
     * Encode an image once, for any number of prompts. Prepares the model itself where needed.
     *
     * @param model id of the model
     * @param pixels the image
     * @param progress told what happens, asked whether to stop
     */
    Scene encode(String model, Pixels pixels, Progress progress);

    /** End the worker and free its memory; the next call starts another. */
    void close();

    /** An encoded image. */
    interface Scene {

        /**
         * Answer a prompt.
         *
         * @return up to {@code options.candidates} outlines, the best first; an outline may be empty
         */
        Outline[] segment(Prompt prompt, Options options);

        /** Find every object; each is handed over as soon as it is there. */
        void everything(Options options, Found found, Progress progress);

        /** Forget the encoding. */
        void close();
    }

    /** Receives objects as they are found. */
    interface Found {
        /** Take one more object. */
        void add(Outline outline);
    }

    /** Told what happens during something long. */
    interface Progress {
        /**
         * One step.
         *
         * @param message in words
         * @param fraction 0 to 1, or negative while unknown
         */
        void tell(String message, double fraction);

        /** Whether the user wants it to stop. */
        boolean isCancelled();
    }
}
