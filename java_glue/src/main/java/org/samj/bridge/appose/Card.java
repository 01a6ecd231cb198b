package org.samj.bridge.appose;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.samj.bridge.SegmenterException;

/** What samj-bridge leaves for programs without Python: how to start the worker, and which models there are. */
final class Card {

    /** Name of the file in samj-bridge's home folder. */
    static final String NAME = "worker.json";
    private static final int FORMAT = 1;
    private static final String SETUP = "Run: samj-bridge setup";

    /** Version of the protocol that the worker speaks. */
    final String protocol;
    /** Interpreter of the environment. */
    final Path python;
    /** The worker's code. */
    final Path bundle;
    /** Folder for what the worker writes to stderr. */
    final Path logs;
    /** Device for {@code load}. */
    final String device;
    /** Number format for {@code load}. */
    final String precision;
    /** Seconds without a sign of life after which a call is given up. */
    final double timeoutS;
    /** Installed models by their ids, the recommended one first. */
    final Map<String, Model> models = new LinkedHashMap<>();
    private final List<String> command;
    private final List<String> folders;
    private final Map<String, String> variables = new HashMap<>();

    /** An installed model. */
    static final class Model {
        /** What {@code load} is given, as it stands on the card. */
        final String id;
        final String family;
        final String architecture;
        final String transform;
        final String checkpoint;
        /** Prompts that it takes: {@code box}, {@code points}, {@code negative}, {@code mask}. */
        final List<String> prompts;
        /** What people are shown. */
        final String title;
        final String licence;
        final String goodFor;
        final long sizeBytes;

        Model(Map<?, ?> values) {
            id = text(values, "id");
            family = text(values, "family");
            architecture = text(values, "architecture");
            transform = text(values, "transform");
            checkpoint = text(values, "checkpoint");
            prompts = texts(values, "prompts");
            title = text(values, "title");
            licence = text(values, "licence");
            goodFor = text(values, "good_for");
            sizeBytes = number(values, "size_bytes").longValue();
        }
    }

    private Card(Map<?, ?> values) {
        protocol = text(values, "protocol");
        command = texts(values, "command");
        python = Paths.get(text(values, "python"));
        bundle = Paths.get(text(values, "bundle"));
        folders = texts(values, "path");
        for (Map.Entry<?, ?> entry : ((Map<?, ?>) field(values, "variables")).entrySet()) {
            variables.put((String) entry.getKey(), (String) entry.getValue());
        }
        logs = Paths.get(text(values, "logs"));
        device = text(values, "device");
        precision = text(values, "precision");
        timeoutS = number(values, "timeout_s").doubleValue();
        for (Object item : (List<?>) field(values, "models")) {
            Model model = new Model((Map<?, ?>) item);
            models.put(model.id, model);
        }
    }

    /** Read the card of a home folder; a missing, damaged or newer one is told in words. */
    static Card read(Path home) {
        Path path = home.resolve(NAME);
        String text;
        try {
            text = new String(Files.readAllBytes(path), StandardCharsets.UTF_8);
        } catch (java.nio.file.NoSuchFileException | java.nio.file.NotDirectoryException error) {
            throw new SegmenterException("not-set-up",
                "samj-bridge is not set up on this computer: there is no " + path + ".",
                SETUP + ". If its home is another folder, name it by SAMJ_HOME or by Java's option -Dsamj.home=FOLDER.");
        } catch (IOException error) {
            throw new SegmenterException("bad-card", path + " can't be read: " + error + ".",
                "Make it readable for you, or run: samj-bridge setup");
        }
        return parse(path, text);
    }

    private static Card parse(Path path, String text) {
        String reason;
        try {
            Map<?, ?> values = (Map<?, ?>) Loader.json(text);
            int format = number(values, "format").intValue();
            if (format <= FORMAT) {
                return new Card(values);
            }
            throw new SegmenterException("newer-card", path + " was written by a newer samj-bridge (" + values.get("version")
                + "): its form is " + format + ", and this jar reads " + FORMAT + ".",
                "Take SAMJ_Bridge.jar from the installed samj-bridge: both come from one version.");
        } catch (SegmenterException error) {
            throw error;
        } catch (RuntimeException error) {
            // Of a parser's message the first line has the reason; the rest draws the place.
            reason = String.valueOf(error.getMessage()).split("\\R")[0];
        }
        throw new SegmenterException("bad-card", path + " is damaged: " + reason + ".", SETUP + ", which writes it anew.");
    }

    /** The model of an id. */
    Model model(String id) {
        Model model = models.get(id);
        if (model == null) {
            throw new SegmenterException("model-not-installed",
                "The model '" + id + "' is not installed; there is: " + String.join(", ", models.keySet()) + ".",
                "Install it: samj-bridge models install " + id);
        }
        return model;
    }

    /** Check that what is on the card is still there. */
    void check(Model model) {
        if (!Files.isRegularFile(python)) {
            throw new SegmenterException("environment-gone",
                "The environment of samj-bridge is gone: there is no " + python + ".", SETUP);
        }
        if (!Files.isRegularFile(bundle)) {
            throw new SegmenterException("bundle-gone", "The worker's code is gone: there is no " + bundle + ".", SETUP);
        }
        if (!Files.isRegularFile(Paths.get(model.checkpoint))) {
            throw new SegmenterException("weights-missing",
                "The weights of the model '" + model.id + "' are gone: there is no " + model.checkpoint + ".",
                "Install it again: samj-bridge models install " + model.id);
        }
    }

    /** Command that starts a worker for this process. */
    String[] command() {
        List<String> all = new ArrayList<>(command);
        String name = java.lang.management.ManagementFactory.getRuntimeMXBean().getName();
        // Java 8 does not tell its process number but in this name, and no specification says so: without it the worker
        // still ends with its stdin.
        if (name.matches("[1-9][0-9]*@.*")) {
            all.add("--host");
            all.add(name.substring(0, name.indexOf('@')));
        }
        return all.toArray(new String[0]);
    }

    /** Variables to start it with, besides this process's own. */
    Map<String, String> environment() {
        Map<String, String> all = new HashMap<>(variables);
        String own = variable("PATH");
        all.put("PATH", String.join(File.pathSeparator, folders) + (own.isEmpty() ? "" : File.pathSeparator + own));
        return all;
    }

    private static String variable(String name) {
        String value = System.getenv(name);
        return value == null ? "" : value;
    }

    private static Object field(Map<?, ?> values, String name) {
        Object value = values.get(name);
        if (value == null) {
            throw new IllegalArgumentException("it has no " + name);
        }
        return value;
    }

    private static String text(Map<?, ?> values, String name) {
        return (String) field(values, name);
    }

    private static Number number(Map<?, ?> values, String name) {
        return (Number) field(values, name);
    }

    private static List<String> texts(Map<?, ?> values, String name) {
        List<String> found = new ArrayList<>();
        for (Object item : (List<?>) field(values, name)) {
            found.add((String) item);
        }
        return found;
    }
}
