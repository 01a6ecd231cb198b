package org.samj.bridge.appose;

import java.io.IOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/** The worker's stderr, in a file that stays small; nothing that goes wrong with it may stop the work. */
final class WorkerLog {

    private static final long LARGEST = 1 << 20;
    private static final int KEPT = 5;

    /** The file. */
    final Path path;
    private final Deque<String> last = new ArrayDeque<>();
    private Writer writer;
    private long size;
    private boolean closed;

    WorkerLog(Path folder) {
        path = folder.resolve("worker-java.log");
    }

    /** Append a line. */
    synchronized void add(String line) {
        if (!line.trim().isEmpty()) {
            last.addLast(line);
        }
        if (last.size() > KEPT) {
            last.removeFirst();
        }
        if (closed) {
            return;
        }
        try {
            if (writer == null || size > LARGEST) {
                open();
            }
            writer.write(line + "\n");
            writer.flush();
            size += line.length() + 1;
        } catch (IOException | RuntimeException error) {
            // A full or read-only disk: the last lines are still kept here.
            close();
        }
    }

    /** The last lines that say something. */
    synchronized List<String> last() {
        return new ArrayList<>(last);
    }

    /** Close the file. */
    synchronized void close() {
        closed = true;
        shut();
    }

    private void open() throws IOException {
        shut();
        Files.createDirectories(path.getParent());
        if (Files.exists(path) && Files.size(path) > LARGEST) {
            Files.move(path, path.resolveSibling(path.getFileName() + ".1"), StandardCopyOption.REPLACE_EXISTING);
        }
        writer = Files.newBufferedWriter(path, StandardCharsets.UTF_8, StandardOpenOption.CREATE,
            StandardOpenOption.APPEND);
        size = Files.size(path);
    }

    private void shut() {
        try {
            if (writer != null) {
                writer.close();
            }
        } catch (IOException error) {
            // What could not be written is lost, and only for people to read.
        }
        writer = null;
    }
}
