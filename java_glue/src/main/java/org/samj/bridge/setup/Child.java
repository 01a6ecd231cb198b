package org.samj.bridge.setup;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.samj.bridge.Segmenter.Progress;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.fetch.Trouble;

/** A program that is run to its end, or until nobody wants it any more. */
final class Child {

    private static final int POLL_MS = 50;
    private static final int GRACE_S = 20;
    private static final int STARTS = 8;
    private static final int LAST = 12;
    /** Of a program around this one; they would lead ours to other Pythons and packages. */
    private static final String[] FOREIGN = {"VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONEXECUTABLE",
        "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "UV_PYTHON", "UV_PROJECT_ENVIRONMENT", "UV_SYSTEM_PYTHON",
        "UV_PYTHON_PREFERENCE", "UV_PYTHON_DOWNLOADS", "UV_MANAGED_PYTHON", "UV_NO_MANAGED_PYTHON", "UV_CONSTRAINT",
        "UV_OVERRIDE", "UV_PRERELEASE", "UV_RESOLUTION", "UV_REQUIRE_HASHES", "UV_EXCLUDE_NEWER", "UV_ISOLATED"};

    /** What it answered: everything on its standard output. */
    final String output;
    /** Its exit code. */
    final int code;
    /** The last lines of its standard error. */
    final String last;

    private Child(String output, int code, String last) {
        this.output = output;
        this.code = code;
        this.last = last;
    }

    /**
     * Run a program.
     *
     * @param lines told each line of its standard error, on a thread of its own
     * @throws SegmenterException {@code cancelled}; it has ended by then
     */
    static Child run(List<String> command, Path folder, Map<String, String> variables, Consumer<String> lines,
            Progress progress) {
        ProcessBuilder builder = new ProcessBuilder(command).directory(folder.toFile());
        for (String name : FOREIGN) {
            builder.environment().remove(name);
        }
        builder.environment().putAll(variables);
        // Nothing waits for somebody to type.
        builder.redirectInput(ProcessBuilder.Redirect.from(new File(File.separatorChar == '\\' ? "NUL" : "/dev/null")));
        Process process = start(builder, progress);
        Deque<String> last = new ArrayDeque<>();
        StringBuilder output = new StringBuilder();
        Thread talk = reader(process.getErrorStream(), line -> {
            synchronized (last) {
                last.addLast(line);
                if (last.size() > LAST) {
                    last.removeFirst();
                }
            }
            lines.accept(line);
        });
        Thread answer = reader(process.getInputStream(), line -> output.append(line).append('\n'));
        boolean ended = false;
        try {
            while (!process.waitFor(POLL_MS, TimeUnit.MILLISECONDS)) {
                if (progress.isCancelled()) {
                    throw Trouble.cancelled();
                }
            }
            ended = true;
            // A grandchild may hold the pipes: what it says is nobody's answer.
            answer.join(5000);
            talk.join(1000);
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
            throw Trouble.cancelled();
        } finally {
            if (!ended) {
                end(process);
            }
        }
        synchronized (last) {
            return new Child(output.toString(), process.exitValue(), String.join("\n", last));
        }
    }

    /** A fresh program may still be held by a scanner of viruses, or by another thread that forks: it is tried again. */
    private static Process start(ProcessBuilder builder, Progress progress) {
        IOException first = null;
        for (int i = 0; i < STARTS; i++) {
            try {
                return builder.start();
            } catch (IOException error) {
                first = first == null ? error : first;
                if (!String.valueOf(error.getMessage()).matches("(?s).*error=(5|13|26|32|33)\\b.*")) {
                    break;
                }
                try {
                    Thread.sleep(100L << Math.min(i, 4));
                } catch (InterruptedException stop) {
                    Thread.currentThread().interrupt();
                    throw Trouble.cancelled();
                }
                if (progress.isCancelled()) {
                    throw Trouble.cancelled();
                }
            }
        }
        SegmenterException error = new SegmenterException("not-started", builder.command().get(0) + " can't be started: "
            + first.getMessage() + ".", "A scanner of viruses may hold it, or its folder may not run programs (noexec): allow"
            + " it there, or choose another folder by Java's option -Dsamj.home=FOLDER. Then press the button again.");
        error.initCause(first);
        throw error;
    }

    private static void end(Process process) {
        // samj-bridge cleans up after the first signal; its own children end with it.
        process.destroy();
        boolean gone = false;
        boolean interrupted = false;
        long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(GRACE_S);
        while (!gone && System.nanoTime() < until) {
            try {
                gone = process.waitFor(POLL_MS, TimeUnit.MILLISECONDS);
            } catch (InterruptedException again) {
                interrupted = true;
            }
        }
        if (!gone) {
            process.destroyForcibly();
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private static Thread reader(InputStream stream, Consumer<String> lines) {
        Thread thread = new Thread(() -> {
            try (BufferedReader reader = new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8))) {
                for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                    lines.accept(line);
                }
            } catch (IOException closed) {
                // The program was ended.
            }
        }, "SAMJ set-up reader");
        thread.setDaemon(true);
        thread.start();
        return thread;
    }
}
