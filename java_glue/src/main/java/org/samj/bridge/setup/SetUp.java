package org.samj.bridge.setup;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.samj.bridge.Home;
import org.samj.bridge.Segmenter.Progress;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.fetch.Facts;
import org.samj.bridge.fetch.Trouble;

/**
 * Sets samj-bridge up on a computer that has nothing but an ImageJ with this jar: a state, something to start, to watch
 * and to cancel. There is one per program, {@link #get}, and whoever shows it listens to it.
 *
 * <p>How a panel uses it: {@link #listen} once; at every change, on the event thread, show {@link #sentence}, a button
 * with {@link #action} as its text (none where that is empty) which calls {@link #start}, and while {@link #isRunning}
 * a bar of {@link #fraction} under {@link #message} with a <i>Cancel</i> that calls {@link #cancel}. After an end,
 * {@link #failure} says in words what went wrong, or is null. {@link #repair} and {@link #remove} are for a menu; ask
 * before the latter. All of these return at once, and may be called from any thread.
 */
public final class SetUp {

    /** What there is on this computer. */
    public enum State {
        /** Nothing. */
        ABSENT,
        /** A part, of a set-up that was stopped; starting again goes on from there. */
        UNFINISHED,
        /** All that is needed. */
        READY,
        /** All that is needed, of an older version than this jar; it goes on working until it is updated. */
        OUTDATED,
        /** Something is gone that was there. */
        BROKEN
    }

    /** Told whenever something is different, on any thread. What it throws is ignored. */
    public interface Listener {
        /** Something is different. */
        void changed();
    }

    /** What can be done. */
    enum Job { SET_UP, HOST, REPAIR, REMOVE }

    private static final long LAST_MS = 25_000;
    private static SetUp shared;

    private final Place place;
    private final List<Listener> listeners = new CopyOnWriteArrayList<>();
    private Thread thread;
    private volatile Runnable beforeRemoval = () -> { };
    private volatile Consumer<Progress> proof;
    private volatile boolean stop;
    private volatile String message = "";
    private volatile double fraction = -1;
    private volatile SegmenterException failure;

    SetUp(Path home) {
        this.place = new Place(home);
    }

    /** The one of this program, for samj-bridge's own home folder. */
    public static synchronized SetUp get() {
        if (shared == null || !shared.home().equals(Home.folder()) && !shared.isRunning()) {
            shared = new SetUp(Home.folder());
        }
        return shared;
    }

    /** Folder that everything goes into. */
    public Path home() {
        return place.home;
    }

    /** What there is; a few small files are read. */
    public State state() {
        return place.state();
    }

    /** Text for a button that starts what comes next; empty: nothing has to be done. */
    public String action() {
        switch (state()) {
            case ABSENT:
                return "Set up";
            case UNFINISHED:
                return "Go on setting up";
            case OUTDATED:
                return "Update to " + Place.VERSION;
            case BROKEN:
                return "Repair";
            default:
                return "";
        }
    }

    /** What there is, or what comes with its size and place: for people, in a sentence or two. */
    public String sentence() {
        switch (state()) {
            case ABSENT:
                return "SAMJ needs its own Python and PyTorch: " + Facts.SIZE + ", from the internet, into " + place.home
                    + ". Nothing else on this computer is changed.";
            case UNFINISHED:
                return "SAMJ is not set up to the end. What has come so far is in " + place.home + " and is used again.";
            case OUTDATED:
                return "SAMJ " + place.version() + " is ready; this jar is " + Place.VERSION + ". An update keeps the models,"
                    + " and is put beside the old one.";
            case BROKEN:
                return "Something of SAMJ in " + place.home + " is gone. Repairing brings it back.";
            default:
                return "SAMJ is ready, in " + place.home + ".";
        }
    }

    /** Do what {@link #action} says, on a thread of its own. Harmless while something runs, or nothing has to be done. */
    public void start() {
        if (state() != State.READY) {
            begin(next());
        }
    }

    /** What {@link #action} means. */
    Job next() {
        return state() == State.BROKEN ? Job.REPAIR : Job.SET_UP;
    }

    /** Make everything anew that is not a model or a setting, and check it. */
    public void repair() {
        begin(Job.REPAIR);
    }

    /** Remove all that was set up: Python, environments, caches and models. Other people's files stay. */
    public void remove() {
        begin(Job.REMOVE);
    }

    /** Stop what runs; what has come is kept, and {@link #start} goes on from there. */
    public void cancel() {
        stop = true;
    }

    /** Whether something runs. */
    public synchronized boolean isRunning() {
        return thread != null;
    }

    /** The step in words; empty before the first. */
    public String message() {
        return message;
    }

    /** How much of the step is done, 0 to 1; negative while unknown. */
    public double fraction() {
        return fraction;
    }

    /** Why the last run ended early, with what to do about it; null: it did not. Code {@code cancelled}: on request. */
    public SegmenterException failure() {
        return failure;
    }

    /** Tell somebody of every change from now on. */
    public void listen(Listener listener) {
        listeners.add(listener);
    }

    /** Tell them no more. */
    public void forget(Listener listener) {
        listeners.remove(listener);
    }

    /**
     * Set up where that is needed, and wait for it: for a click that needs it. Not on the event thread.
     *
     * @param caller told what happens, and asked whether to stop
     * @throws SegmenterException it did not come to its end
     */
    public void ensure(Progress caller) {
        if (!isRunning() && (state() == State.READY || state() == State.OUTDATED)) {
            return;
        }
        start();
        await(caller);
    }

    /** Make a Python of ours where somebody's own has made the rest. */
    void hostOnly(Progress caller) {
        run(Job.HOST, caller);
    }

    /** What {@link #remove} takes away and what stays, with sizes, in sentences. Looks at every file. */
    public String removalWords() {
        return new Inventory(place).words();
    }

    /** Do something and wait for it; told as it goes. A set-up that runs already is waited for, too. */
    void run(Job job, Progress caller) {
        if (!begin(job) && job != Job.SET_UP) {
            throw new SegmenterException("busy", "SAMJ is being set up, repaired or removed at this moment.",
                "Wait for the end of that, or cancel it.");
        }
        await(caller);
    }

    /** Stop what runs, and wait until it has: this program is about to end. */
    void cancelAndWait() {
        cancel();
        try {
            Thread last = running();
            if (last != null) {
                last.join(LAST_MS);
            }
        } catch (InterruptedException hurry) {
            Thread.currentThread().interrupt();
        }
    }

    /** The samj-bridge that Java has made; null: none. */
    Samj samj() {
        return place.host() == null ? null : new Steps(place, new Told()).samj();
    }

    /** What has to end before anything can be removed: a worker. */
    void beforeRemoval(Runnable job) {
        beforeRemoval = job;
    }

    /**
     * What proves at the end of a first set-up that all works: the start of the worker that is asked from then on. Without
     * it, samj-bridge starts one for that, and ends it.
     */
    void provenBy(Consumer<Progress> start) {
        proof = start;
    }

    private void await(Progress caller) {
        Listener teller = () -> caller.tell(message, fraction);
        listen(teller);
        try {
            for (Thread running = running(); running != null && running.isAlive(); running = running()) {
                if (caller.isCancelled()) {
                    cancel();
                }
                running.join(50);
            }
        } catch (InterruptedException interrupted) {
            cancel();
            Thread.currentThread().interrupt();
            throw Trouble.cancelled();
        } finally {
            forget(teller);
        }
        SegmenterException why = failure;
        if (why != null) {
            throw why;
        }
    }

    private synchronized Thread running() {
        return thread;
    }

    /** Whether it was begun: something else may run. */
    private synchronized boolean begin(Job job) {
        if (thread != null) {
            return false;
        }
        stop = false;
        failure = null;
        message = job == Job.REMOVE ? "Removing" : "Looking at what is there";
        fraction = -1;
        thread = new Thread(() -> run(job), "SAMJ set-up");
        thread.setDaemon(true);
        thread.setContextClassLoader(SetUp.class.getClassLoader());
        thread.start();
        return true;
    }

    private void run(Job job) {
        changed();
        try {
            if (job == Job.REMOVE || job == Job.REPAIR) {
                beforeRemoval.run();
            }
            new Steps(place, new Told()).run(job, proof);
        } catch (RuntimeException | Error error) {
            failure = SegmenterException.of(error);
            message = failure.getMessage();
        } finally {
            fraction = -1;
            synchronized (this) {
                thread = null;
            }
            changed();
        }
    }

    private void changed() {
        for (Listener listener : listeners) {
            try {
                listener.changed();
            } catch (RuntimeException error) {
                // Whoever shows it is not who does it.
                continue;
            }
        }
    }

    private final class Told implements Progress {
        @Override
        public void tell(String words, double done) {
            message = words;
            fraction = done;
            changed();
        }

        @Override
        public boolean isCancelled() {
            return stop;
        }
    }
}
