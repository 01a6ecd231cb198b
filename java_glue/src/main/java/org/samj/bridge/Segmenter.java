package org.samj.bridge;

/**
 * Whatever turns images and prompts into outlines: Python through a JPype proxy, or a worker started from Java.
 *
 * <p>No type of ImageJ appears here. Every method may block; it is called on one background thread, never on the
 * event thread, and throws {@link SegmenterException} with words for people. Only {@link #install}, {@link #setUp},
 * {@link #repair} and {@link #remove} run on a thread of their own, beside the others: who waits for a download goes on drawing.
 */
public interface Segmenter {

    /** Models that can be chosen, the recommended one first. Quick: no network. */
    ModelInfo[] models();

    /** Whether the environment that networks run in is on this machine. Quick: no network. */
    default boolean isSetUp() {
        return true;
    }

    /** What a set-up would do now, as a button says it: "Set up", "Repair", "Update to 2.0"; empty: nothing. Quick. */
    default String setUpAction() {
        return isSetUp() ? "" : "Set up";
    }

    /** The same in a sentence or two: what is fetched, how much, and where to. Quick. */
    default String setUpWords() {
        return "";
    }

    /**
     * Do what {@link #setUpAction} says; what came before a cancel or a broken connection is kept.
     *
     * @param progress told what happens, asked whether to stop
     */
    default void setUp(Progress progress) {
        throw new SegmenterException("no-install", "SAMJ can't be set up from here.",
            "Type in a terminal: samj-bridge setup");
    }

    /** Folder that a set-up goes into; empty: what is there can't be repaired or removed from here. Quick. */
    default String home() {
        return "";
    }

    /**
     * Make anew what is broken of a set-up, and try it out; models and settings stay.
     *
     * @param progress told what happens, asked whether to stop
     */
    default void repair(Progress progress) {
        throw new SegmenterException("no-install", "SAMJ can't be repaired from here.",
            "Type in a terminal: samj-bridge env repair");
    }

    /** Whether {@link #remove} can be done. Quick. */
    default boolean isRemovable() {
        return false;
    }

    /** What {@link #remove} would take away and what would stay, with sizes, in sentences. Looks at every file. */
    default String removalWords() {
        return "";
    }

    /**
     * Take away all that was set up, the models too; what people have put into the folder stays.
     *
     * @param progress told what happens, asked whether to stop
     */
    default void remove(Progress progress) {
        throw new SegmenterException("no-install", "SAMJ can't be removed from here.",
            "Type in a terminal: samj-bridge env remove");
    }

    /**
     * Make everything ready for a model: environment, weights, worker. Quick when it is ready already.
     *
     * @param model id of the model
     * @param progress told what happens, asked whether to stop
     */
    void prepare(String model, Progress progress);

    /**
     * Fetch a model's weights, verified, and make them ready to be loaded. What is there already is left alone; what
     * came before a cancel or a broken connection is kept, and the next call goes on from there.
     *
     * @param model id of the model
     * @param licenceAccepted whether the user has agreed to its licence; needed where {@link ModelInfo#licenceAsks}
     * @param progress told what happens, asked whether to stop
     */
    default void install(String model, boolean licenceAccepted, Progress progress) {
        throw new SegmenterException("no-install", "Models can't be installed from here.",
            "Type in a terminal: samj-bridge models install " + model);
    }

    /** A line on what the worker runs on, such as "cpu, 2 threads"; empty before {@link #prepare}. */
    String device();

    /** Devices to choose among, {@code auto} first; none where there is no choice, or before {@link #prepare}. */
    default String[] devices() {
        return new String[0];
    }

    /** Run on another device from now on; scenes made before can't be used any more. */
    default void useDevice(String device) {
        throw new SegmenterException("no-choice", "The device can't be chosen from here.",
            "Set SAMJ_DEVICE=" + device + " before you start it.");
    }

    /**
     * Encode an image once, for any number of prompts. Prepares the model itself where needed; scenes of another
     * model can't be used any more then.
     *
     * @param model id of the model
     * @param pixels the image
     * @param progress told what happens, asked whether to stop
     */
    Scene encode(String model, Pixels pixels, Progress progress);

    /**
     * Follow objects through a stack by means of its own, as {@code stack.Following} does it with {@link #encode}.
     *
     * @return false: it has none, and did nothing
     */
    default boolean propagate(String model, Planes planes, Given[] given, int from, int to, Steps found,
            Progress progress) {
        return false;
    }

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

        /** The same, told what is read and encoded for it: of a large image only a part, when a prompt needs it. */
        default Outline[] segment(Prompt prompt, Options options, Progress progress) {
            return segment(prompt, options);
        }

        /** Answer several prompts; each answer is handed over as soon as it is there, in the order of the prompts. */
        default void segmentAll(Prompt[] prompts, Options options, Answers answers, Progress progress) {
            for (int i = 0; i < prompts.length; i++) {
                answers.add(i, segment(prompts[i], options, progress));
            }
        }

        /**
         * The order in which prompts are best asked by whoever asks them a few at a time: indices, those together that
         * need the same part of a large image.
         */
        default int[] order(Prompt[] prompts) {
            return java.util.stream.IntStream.range(0, prompts.length).toArray();
        }

        /** Find every object; each is handed over as soon as it is there. */
        void everything(Options options, Found found, Progress progress);

        /**
         * The same, where only those are wanted whose middle is in a box: of a large image only what lies under it is
         * read. Others may be handed over as well.
         *
         * @param box edges x0, y0, x1, y1
         */
        default void everythingIn(double[] box, Options options, Found found, Progress progress) {
            everything(options, found, progress);
        }

        /** Whether it reads {@link Pixels#parts} when prompts need them, and notices by itself when they change. */
        default boolean readsParts() {
            return false;
        }

        /** Whether its model takes prompts with {@code points} or a {@code mask}. */
        default boolean takes(String kind) {
            return true;
        }

        /** Forget the encoding. */
        void close();
    }

    /** Receives objects as they are found. What it throws ends the search, and reaches whoever began it. */
    interface Found {
        /** Take one more object. */
        void add(Outline outline);
    }

    /** Receives objects on planes as they are found. What it throws ends the search, and reaches whoever began it. */
    interface Steps {
        /** Take one object on one plane. */
        void add(Step step);
    }

    /** Receives the answers to several prompts. What it throws ends the call, and reaches whoever made it. */
    interface Answers {
        /** Take what {@link Scene#segment} would have returned for the prompt of this index. */
        void add(int index, Outline[] outlines);
    }

    /** Told what happens during something long. What it throws is no reason to stop: only {@link #isCancelled} is. */
    interface Progress {
        /**
         * One step.
         *
         * @param message in words
         * @param fraction 0 to 1, or negative while unknown
         */
        void tell(String message, double fraction);

        /**
         * Which part of a large image is being encoded; comes before what is told of it.
         *
         * @param area edges x0, y0, x1, y1; null: none any more
         */
        default void at(int[] area) {
        }

        /** Whether the user wants it to stop. */
        boolean isCancelled();
    }
}
