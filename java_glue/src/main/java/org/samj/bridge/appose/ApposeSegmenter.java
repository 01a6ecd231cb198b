package org.samj.bridge.appose;

import java.nio.file.Path;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import org.apposed.appose.Service;
import org.samj.bridge.Home;
import org.samj.bridge.ModelInfo;
import org.samj.bridge.Pixels;
import org.samj.bridge.Segmenter;
import org.samj.bridge.SegmenterException;

/**
 * A {@link Segmenter} without Python in this process: it starts samj-bridge's worker by Appose, in the environment that
 * {@code samj-bridge setup} made. Needs {@code org.apposed:appose} on the class path; docs/how-to/java.md has an example.
 *
 * <p>It may be called from several threads, whose calls follow one another. {@link #close} waits for none of them.
 */
public final class ApposeSegmenter implements Segmenter {

    /** Tells nobody, stops nothing. */
    static final Progress SILENT = new Progress() {
        @Override
        public void tell(String message, double fraction) {
        }

        @Override
        public boolean isCancelled() {
            return false;
        }
    };

    private final Path home;
    private final ReentrantLock calls = new ReentrantLock(true);
    private volatile Worker worker;
    private volatile String chosenDevice = "";

    /** With samj-bridge's own home: property {@code samj.home}, variable {@code SAMJ_HOME}, or the system's place. */
    public ApposeSegmenter() {
        this(Home.folder());
    }

    /**
     * With another home.
     *
     * @param home folder that has {@code worker.json}
     */
    public ApposeSegmenter(Path home) {
        this.home = home.toAbsolutePath();
    }

    /**
     * One for a home, whether it is set up or not: asked by name, where Appose may be missing.
     *
     * @throws NoClassDefFoundError Appose is not there
     */
    public static Segmenter of(Path home) {
        Service.class.getName();
        return new ApposeSegmenter(home);
    }

    /** The installed models; which others there are, {@code samj-bridge models list} says. */
    @Override
    public ModelInfo[] models() {
        return Card.read(home).models.values().stream()
            .map(model -> new ModelInfo(model.id, model.title, true, model.sizeBytes, model.licence, model.goodFor))
            .toArray(ModelInfo[]::new);
    }

    @Override
    public void prepare(String model, Progress progress) {
        attempt(model, Told.to(progress), running -> running);
    }

    @Override
    public String device() {
        Worker running = worker;
        return running == null || !running.isAlive() ? "" : running.device();
    }

    @Override
    public String[] devices() {
        Worker running = worker;
        String found = running == null || !running.isAlive() ? "" : running.found();
        return found.isEmpty() || found.equals("cpu") ? new String[0] : new String[] {"auto", found, "cpu"};
    }

    @Override
    public void useDevice(String device) {
        chosenDevice = device;
        // The next call starts another, there.
        close();
    }

    @Override
    public Scene encode(String model, Pixels pixels, Progress progress) {
        ApposeScene scene = new ApposeScene(this, model, SentPixels.of(pixels));
        scene.encode(Told.to(progress));
        return scene;
    }

    @Override
    public void close() {
        // Not under the lock: a call that goes on holds it, and ends when its worker does.
        Worker running = worker;
        if (running != null) {
            running.close();
        }
    }

    /** Do some work with a worker that has a model loaded; once more with a new one if it died in between. */
    <T> T attempt(String model, Progress progress, Function<Worker, T> work) {
        try {
            calls.lockInterruptibly();
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
            throw new SegmenterException("cancelled", "Stopped on request.", "");
        }
        try {
            try {
                return work.apply(running(model, progress));
            } catch (WorkerDied died) {
                progress.tell(died.getMessage() + " Starting another.", -1);
            }
            return work.apply(running(model, progress));
        } finally {
            calls.unlock();
        }
    }

    private Worker running(String model, Progress progress) {
        Worker there = worker;
        if (there != null && there.isAlive() && there.model.id.equals(model)) {
            return there;
        }
        Card card = Card.read(home);
        Card.Model wanted = card.model(model);
        if (there != null && there.isAlive()) {
            // Another model: two in memory at once are more than many machines have.
            there.close();
        }
        progress.tell("Starting the worker", -1);
        Worker made = Worker.launch(card, wanted);
        // From here on close() reaches it.
        worker = made;
        boolean opened = false;
        try {
            made.open(chosenDevice, progress);
            opened = true;
        } finally {
            if (!opened) {
                made.kill();
            }
        }
        return made;
    }
}
