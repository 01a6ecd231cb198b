package org.samj.bridge.ij.work;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.text.SimpleDateFormat;
import java.util.ArrayDeque;
import java.util.Date;
import java.util.Deque;
import java.util.function.Consumer;

/** What happened, for the panel's log: the last lines, and who wants to see new ones. */
public final class Log {

    private static final int KEPT = 500;
    private static final Deque<String> LINES = new ArrayDeque<>();
    private static Consumer<String> reader = line -> { };

    private Log() {
    }

    /** Keep a line, with the time. */
    public static synchronized void add(String line) {
        String stamped = new SimpleDateFormat("HH:mm:ss").format(new Date()) + "  " + line;
        keep(stamped);
        try {
            reader.accept(stamped);
        } catch (RuntimeException | Error error) {
            // Whoever looks on must not stop whoever works: this is called wherever something has gone wrong.
            keep("(the line above could not be shown: " + error.getClass().getName() + ")");
        }
    }

    /** The same for what went wrong. Whatever it is, this never throws. */
    public static void add(Throwable error) {
        StringWriter text = new StringWriter();
        try {
            error.printStackTrace(new PrintWriter(text));
        } catch (RuntimeException | Error unspeakable) {
            // One of Python's says nothing any more when Python has ended.
            text.append(error.getClass().getName());
        }
        add(text.toString());
    }

    private static void keep(String line) {
        LINES.addLast(line);
        if (LINES.size() > KEPT) {
            LINES.removeFirst();
        }
    }

    /** Who is shown new lines, from now on. */
    public static synchronized void read(Consumer<String> newReader) {
        reader = newReader;
    }

    /** What there is, a line each. */
    public static synchronized String all() {
        return String.join("\n", LINES);
    }
}
