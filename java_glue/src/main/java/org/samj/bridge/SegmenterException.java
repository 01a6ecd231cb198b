package org.samj.bridge;

/** What went wrong, and what to do next, in words for people. */
public class SegmenterException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private final String code;
    private final String hint;

    /**
     * @param code stable, hyphenated name for programs
     * @param message what happened
     * @param hint what to do next; may be empty
     */
    public SegmenterException(String code, String message, String hint) {
        super(message);
        this.code = code;
        this.hint = hint == null ? "" : hint;
    }

    /** Stable, hyphenated name for programs. */
    public String code() {
        return code;
    }

    /** What to do next; may be empty. */
    public String hint() {
        return hint;
    }

    /** Message and hint in one line. */
    public String sentence() {
        return hint.isEmpty() ? getMessage() : getMessage() + " " + hint;
    }

    /** Any throwable as one of these, so that whoever shows it has words. */
    public static SegmenterException of(Throwable error) {
        if (error instanceof SegmenterException) {
            return (SegmenterException) error;
        }
        if (error instanceof OutOfMemoryError) {
            return new SegmenterException("java-memory", "ImageJ's own memory is full.",
                "Close images, or raise it under Edit > Options > Memory & Threads.");
        }
        String text = words(error);
        SegmenterException made = new SegmenterException("unexpected", "Something unexpected happened: " + text,
            "Try again; if it happens again, send us the log.");
        made.initCause(error);
        return made;
    }

    private static String words(Throwable error) {
        String words = null;
        try {
            words = error.getMessage();
        } catch (RuntimeException | Error unspeakable) {
            // One of Python's says nothing any more when Python has ended.
        }
        return words == null ? error.getClass().getSimpleName() : words;
    }
}
