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

    public static synchronized void add(String line) {
        String stamped = new SimpleDateFormat("HH:mm:ss").format(new Date()) + "  " + line;
        LINES.addLast(stamped);
        if (LINES.size() > KEPT) {
            LINES.removeFirst();
        }
        reader.accept(stamped);
    }

    public static void add(Throwable error) {
        StringWriter text = new StringWriter();
        error.printStackTrace(new PrintWriter(text));
        add(text.toString());
    }

    public static synchronized void read(Consumer<String> newReader) {
        reader = newReader;
    }

    public static synchronized String all() {
        return String.join("\n", LINES);
    }
}
