package org.samj.bridge.setup;

import java.lang.reflect.InvocationTargetException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.samj.bridge.Given;
import org.samj.bridge.ModelInfo;
import org.samj.bridge.Pixels;
import org.samj.bridge.Planes;
import org.samj.bridge.Segmenter;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.setup.SetUp.State;

/**
 * The segmenter of an ImageJ without Python: it sets up what is missing when it is needed first, installs models, and
 * leaves the work itself to the one that starts its worker from Java.
 */
public final class OwnSegmenter implements Segmenter {

    /** Asked before anything is fetched that nobody has asked for in so many words. */
    public interface Consent {
        /** Whether the user wants it. Not on the event thread; it may wait for an answer. */
        boolean toSetUp(SetUp setUp);
    }

    private static final ModelInfo STARTER = new ModelInfo("starter", "Starter: small, part of the package", false, 0,
        "Apache-2.0", "nuclei and blob-like objects, at once and on any machine; learning how it works");

    private final SetUp setUp;
    private final Consent consent;
    private final Segmenter worker;

    private OwnSegmenter(SetUp setUp, Consent consent, Segmenter worker) {
        this.setUp = setUp;
        this.consent = consent;
        this.worker = worker;
        setUp.beforeRemoval(worker::close);
        setUp.provenBy(progress -> worker.prepare(STARTER.id, progress));
    }

    /**
     * The one of this program.
     *
     * @param consent asked where a click needs a set-up
     * @throws SegmenterException Appose is not in this jar, nor elsewhere
     */
    public static OwnSegmenter make(Consent consent) {
        return make(SetUp.get(), consent);
    }

    static OwnSegmenter make(SetUp setUp, Consent consent) {
        Throwable cause;
        try {
            // By its name: in a jar that somebody has built without it, Appose is not there.
            Class<?> type = Class.forName("org.samj.bridge.appose.ApposeSegmenter");
            return new OwnSegmenter(setUp, consent, (Segmenter) type.getMethod("of", java.nio.file.Path.class)
                .invoke(null, setUp.home()));
        } catch (InvocationTargetException error) {
            cause = error.getCause();
        } catch (ReflectiveOperationException | LinkageError error) {
            cause = error;
        }
        throw new SegmenterException("not-connected", "SAMJ is not connected to this ImageJ, and can't start its worker"
            + " itself: Appose is not there (" + cause + ").", "Take SAMJ_Bridge.jar from a release, or start ImageJ with:"
            + " samj-bridge fiji");
    }

    @Override
    public boolean isSetUp() {
        State state = setUp.state();
        return state == State.READY || state == State.OUTDATED;
    }

    @Override
    public String setUpAction() {
        return setUp.action();
    }

    @Override
    public String setUpWords() {
        return setUp.sentence();
    }

    @Override
    public void setUp(Progress progress) {
        if (setUp.state() == State.READY) {
            // Asked for where nothing is missing: something does not work.
            setUp.run(SetUp.Job.REPAIR, progress);
        } else {
            setUp.run(setUp.next(), progress);
        }
    }

    @Override
    public String home() {
        return setUp.home().toString();
    }

    @Override
    public void repair(Progress progress) {
        setUp.run(SetUp.Job.REPAIR, progress);
    }

    @Override
    public boolean isRemovable() {
        return setUp.state() != State.ABSENT;
    }

    @Override
    public String removalWords() {
        return setUp.removalWords();
    }

    @Override
    public void remove(Progress progress) {
        setUp.run(SetUp.Job.REMOVE, progress);
    }

    @Override
    public ModelInfo[] models() {
        if (!isSetUp()) {
            return new ModelInfo[] {STARTER};
        }
        if (setUp.samj() == null) {
            // Somebody has set it up with a Python of her own: what is installed stands on the card.
            return worker.models();
        }
        List<ModelInfo> all = new ArrayList<>();
        Object models = setUp.samj().run(SILENT, "models", "list").get("models");
        for (Object item : models instanceof List ? (List<?>) models : Collections.emptyList()) {
            all.add(info((Map<?, ?>) item));
        }
        return all.toArray(new ModelInfo[0]);
    }

    @Override
    public void prepare(String model, Progress progress) {
        ensure(progress);
        worker.prepare(model, progress);
    }

    @Override
    public void install(String model, boolean licenceAccepted, Progress progress) {
        // Who presses a button of that name has been told what comes.
        setUp.ensure(progress);
        if (model.equals(STARTER.id)) {
            return;
        }
        if (setUp.samj() == null) {
            setUp.hostOnly(progress);
        }
        List<String> command = new ArrayList<>(Arrays.asList("models", "install", model, "--progress-lines"));
        if (licenceAccepted) {
            command.add("--accept-licence");
        }
        setUp.samj().run(progress, command.toArray(new String[0]));
    }

    @Override
    public String device() {
        return worker.device();
    }

    @Override
    public String[] devices() {
        return worker.devices();
    }

    @Override
    public void useDevice(String device) {
        worker.useDevice(device);
    }

    @Override
    public Scene encode(String model, Pixels pixels, Progress progress) {
        ensure(progress);
        return worker.encode(model, pixels, progress);
    }

    @Override
    public boolean propagate(String model, Planes planes, Given[] given, int from, int to, Steps found,
            Progress progress) {
        ensure(progress);
        return worker.propagate(model, planes, given, from, to, found, progress);
    }

    @Override
    public void close() {
        worker.close();
    }

    private void ensure(Progress progress) {
        if (!isSetUp() && !setUp.isRunning() && !consent.toSetUp(setUp)) {
            throw new SegmenterException("not-set-up", "SAMJ is not set up on this computer.",
                "Press " + setUp.action() + " in the SAMJ panel (Plugins > SAMJ > SAMJ Panel); without windows run: java -jar"
                + " SAMJ_Bridge.jar");
        }
        setUp.ensure(progress);
    }

    private static ModelInfo info(Map<?, ?> model) {
        Object size = model.get("size");
        String state = text(model, "state");
        boolean installed = Arrays.asList("packaged", "installed", "waiting").contains(state);
        Object fetched = model.get("fetched_bytes");
        return new ModelInfo(text(model, "id"), text(model, "title"), installed,
            size instanceof Number ? ((Number) size).longValue() : 0, text(model, "licence_text"), text(model, "good_for"),
            Boolean.TRUE.equals(model.get("must_accept_licence")), text(model, "homepage"), text(model, "by_hand"),
            fetched instanceof Number ? ((Number) fetched).longValue() : 0);
    }

    private static String text(Map<?, ?> values, String name) {
        Object value = values.get(name);
        return value == null ? "" : value.toString();
    }

    private static final Progress SILENT = new Progress() {
        @Override
        public void tell(String message, double fraction) {
        }

        @Override
        public boolean isCancelled() {
            return false;
        }
    };
}
