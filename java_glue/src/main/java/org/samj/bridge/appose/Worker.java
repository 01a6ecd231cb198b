package org.samj.bridge.appose;

import java.io.IOException;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apposed.appose.Service;
import org.apposed.appose.TaskEvent;
import org.samj.bridge.Segmenter.Progress;
import org.samj.bridge.SegmenterException;

/**
 * One worker process with one model in it, through Appose's service.
 *
 * <p>Of Appose only what its versions 0.9 to 0.12 share is used. Tasks are not waited for with Appose's
 * {@code waitFor}: it knows no time limit, and a task that is started just after the process has ended never hears
 * of it.
 */
final class Worker {

    private static final int POLL_MS = 50;
    private static final double CANCEL_S = 2;
    private static final double STUCK_S = 30;
    private static final double CLOSE_S = 4;
    private static final Pattern EXIT_CODE = Pattern.compile("exit code (-?\\d+)");

    /** What it has loaded. */
    final Card.Model model;
    private final Card card;
    private final Service service;
    private final WorkerLog log;
    private volatile Map<String, Object> hello = Collections.emptyMap();
    private volatile Map<String, Object> loaded = Collections.emptyMap();
    private volatile boolean closing;
    private volatile long heard = System.nanoTime();

    private Worker(Card card, Card.Model model, Service service, WorkerLog log) {
        this.card = card;
        this.model = model;
        this.service = service;
        this.log = log;
    }

    /** Start the process; {@link #open} has to follow. */
    static Worker launch(Card card, Card.Model model) {
        card.check(model);
        WorkerLog log = new WorkerLog(card.logs);
        Service service = new Service(card.bundle.getParent().toFile(), card.environment(), card.command());
        service.debug(line -> note(log, line));
        try {
            // Threads inherit from the one that makes them. Appose's must be daemons: a program that forgets to close its
            // segmenter must still be able to end, and the worker ends with its stdin.
            asDaemon(service::start);
        } catch (IOException error) {
            throw new SegmenterException("install", card.python + " can't be started: " + error.getMessage() + ".",
                "Run: samj-bridge doctor, which says how to mend the environment.");
        }
        return new Worker(card, model, service, log);
    }

    /**
     * Ask it what it is, and load the model.
     *
     * @param device where to; empty: as the card says
     */
    void open(String device, Progress progress) {
        hello = call("hello", Collections.emptyMap(), progress, event -> { });
        String spoken = String.valueOf(hello.get("protocol"));
        if (!major(spoken).equals(major(card.protocol))) {
            throw new SegmenterException("protocol-mismatch", "The worker speaks protocol " + spoken + ", its card says "
                + card.protocol + ".", "Run: samj-bridge setup");
        }
        if (spoken.matches("1\\.[0-2]")) {
            throw new SegmenterException("protocol-mismatch", "The worker speaks protocol " + spoken
                + ", this jar needs 1.3.", "Update samj-bridge to the version of this jar, then run: samj-bridge setup");
        }
        progress.tell("Loading the model " + model.id, -1);
        Map<String, Object> inputs = new HashMap<>();
        inputs.put("model", model.id);
        inputs.put("family", model.family);
        inputs.put("checkpoint", model.checkpoint);
        inputs.put("architecture", model.architecture);
        inputs.put("transform", model.transform);
        inputs.put("device", device.isEmpty() ? card.device : device);
        inputs.put("precision", card.precision);
        loaded = call("load", inputs, progress, event -> { });
    }

    /** The loaded model's name in requests. */
    String handle() {
        return (String) loaded.get("model");
    }

    /** Side of the tiles in which it asks prompts on an image of this size; 0: it sees the image as a whole. */
    int tileOf(int width, int height) {
        Object side = loaded.get("tile_px");
        Object whole = loaded.get("whole_px");
        return side != null && Math.max(width, height) > ((Number) whole).intValue() ? ((Number) side).intValue() : 0;
    }

    /** Whether it asks for the parts of an image that it needs (protocol 1.6), and looks for everything there (1.7). */
    boolean asksForParts(int minor) {
        return Integer.parseInt(String.valueOf(hello.get("protocol")).replaceFirst("^\\d+\\.", "")) >= minor;
    }

    /** What it runs on, in a line. */
    String device() {
        return loaded.isEmpty() ? "" : loaded.get("device") + ", " + hello.get("threads") + " threads";
    }

    /** The best device that it has found; empty before it was asked. */
    String found() {
        return hello.isEmpty() ? "" : String.valueOf(hello.get("device"));
    }

    /** Whether its process runs, and nobody has asked it to end. */
    boolean isAlive() {
        return !closing && service.isAlive();
    }

    /** Whether it was asked to end. */
    boolean isClosing() {
        return closing;
    }

    /**
     * Run an operation and wait for its end.
     *
     * @param updates told of the operation's UPDATEs, on this thread
     * @return its outputs
     */
    Map<String, Object> call(String operation, Map<String, Object> inputs, Progress progress,
            Consumer<TaskEvent> updates) {
        if (progress.isCancelled()) {
            throw cancelled("");
        }
        BlockingQueue<TaskEvent> events = new LinkedBlockingQueue<>();
        Service.Task task = start(operation, inputs, event -> {
            heard = System.nanoTime();
            events.add(event);
        });
        heard = System.nanoTime();
        long cancelledAt = 0;
        long deadAt = 0;
        boolean settled = false;
        try {
            while (true) {
                TaskEvent event = events.poll(POLL_MS, TimeUnit.MILLISECONDS);
                if (event != null) {
                    settled = isEnd(event);
                    if (settled) {
                        return outputs(task, event, operation);
                    }
                    if (cancelledAt == 0 && event.responseType == Service.ResponseType.UPDATE) {
                        updates.accept(event);
                    }
                } else if (!service.isAlive()) {
                    // Appose tells the tasks that were there when the process ended; this one may have come later.
                    deadAt = deadAt == 0 ? System.nanoTime() : deadAt;
                    if (seconds(deadAt) > 1) {
                        settled = true;
                        throw died(operation, "");
                    }
                } else if (seconds(heard) > card.timeoutS) {
                    kill();
                    throw new SegmenterException("worker-timeout", operation + " gave no answer within "
                        + (long) card.timeoutS + " s, so the worker was ended.",
                        "The next call starts a new one. Use a smaller image, or give more time in settings.toml"
                        + " (timeout_s).");
                }
                if (cancelledAt == 0 && progress.isCancelled()) {
                    task.cancel();
                    cancelledAt = System.nanoTime();
                }
                if (cancelledAt != 0 && seconds(cancelledAt) > CANCEL_S) {
                    // A large block of a network on a slow machine: nobody has to wait for it.
                    endIfStuck(task);
                    throw cancelled("the worker still finishes a step");
                }
            }
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
            throw cancelled("");
        } finally {
            if (!settled && cancelledAt == 0) {
                task.cancel();
            }
        }
    }

    /** Ask for something whose end nobody waits for. */
    void post(String operation, Map<String, Object> inputs) {
        if (isAlive()) {
            start(operation, inputs, event -> { });
        }
    }

    /** End the process at once. */
    void kill() {
        closing = true;
        service.kill();
        log.close();
    }

    /** Close its stdin, wait until it leaves, end it if it does not. */
    void close() {
        closing = true;
        service.close();
        long since = System.nanoTime();
        try {
            while (service.isAlive() && seconds(since) < CLOSE_S) {
                Thread.sleep(10);
            }
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        }
        if (service.isAlive()) {
            service.kill();
        }
        log.close();
    }

    private Service.Task start(String operation, Map<String, Object> inputs, Consumer<TaskEvent> listener) {
        try {
            return Loader.with(() -> {
                Service.Task task = service.task(operation, inputs);
                task.listen(listener);
                task.start();
                return task;
            });
        } catch (IOException error) {
            throw died(operation, String.valueOf(error.getMessage()));
        }
    }

    private static boolean isEnd(TaskEvent event) {
        switch (event.responseType) {
            case COMPLETION:
            case CANCELATION:
            case FAILURE:
            case CRASH:
                return true;
            default:
                return false;
        }
    }

    private Map<String, Object> outputs(Service.Task task, TaskEvent end, String operation) {
        switch (end.responseType) {
            case COMPLETION:
                return task.outputs;
            case CANCELATION:
                throw cancelled("");
            case CRASH:
                throw died(operation, String.valueOf(task.error));
            default:
                throw failure(task.error);
        }
    }

    private SegmenterException died(String operation, String text) {
        if (closing) {
            return new SegmenterException("segmenter-closed", "The worker was ended on request during " + operation + ".",
                "Ask again: the next call starts another.");
        }
        Matcher match = EXIT_CODE.matcher(text);
        int code = match.find() ? Integer.parseInt(match.group(1)) : 0;
        // Java adds 128 to the number of the signal.
        String how = code > 128 && code < 160 ? "was killed by signal " + (code - 128)
            : match.reset().find() ? "ended with exit code " + code : "ended";
        List<String> last = log.last();
        String words = last.isEmpty() ? "" : " Its last words: " + String.join(" | ", last);
        String hint = "Its log is " + log.path + "." + (code != 137 ? "" : " Often the system does this when memory runs"
            + " out: use a smaller image or close other programs.");
        return new WorkerDied("The worker " + how + " during " + operation + "." + words, hint);
    }

    private static SegmenterException failure(String text) {
        try {
            Map<?, ?> fields = (Map<?, ?>) Loader.json(text);
            Object hint = fields.get("hint");
            return new SegmenterException(fields.get("code").toString(), fields.get("message").toString(),
                hint == null ? "" : hint.toString());
        } catch (RuntimeException notJson) {
            return new SegmenterException("internal", "The worker failed: " + text, "");
        }
    }

    private static SegmenterException cancelled(String more) {
        return new SegmenterException("cancelled", "Stopped on request" + (more.isEmpty() ? "." : "; " + more + "."), "");
    }

    private void endIfStuck(Service.Task task) {
        Thread patient = new Thread(() -> {
            try {
                TimeUnit.MILLISECONDS.sleep((long) (1000 * STUCK_S));
            } catch (InterruptedException stop) {
                return;
            }
            if (!task.status.isFinished() && service.isAlive()) {
                service.kill();
            }
        }, "samj-stuck");
        patient.setDaemon(true);
        patient.start();
    }

    private static void note(WorkerLog log, String line) {
        // "[WORKER-0] text" is its stderr; all other lines are the conversation itself.
        int end = line.indexOf("] ");
        if (line.startsWith("[WORKER-") && end > 0) {
            log.add(line.substring(end + 2));
        }
    }

    private static void asDaemon(Callable<?> work) throws IOException {
        FutureTask<Object> task = new FutureTask<>(() -> Loader.with(work::call));
        Thread thread = new Thread(task, "samj-start");
        thread.setDaemon(true);
        thread.start();
        try {
            task.get();
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
            throw cancelled("");
        } catch (java.util.concurrent.ExecutionException error) {
            if (error.getCause() instanceof IOException) {
                throw (IOException) error.getCause();
            }
            throw SegmenterException.of(error.getCause());
        }
    }

    private static double seconds(long since) {
        return (System.nanoTime() - since) / 1e9;
    }

    private static String major(String version) {
        return version.split("\\.")[0];
    }
}
