package org.samj.bridge.ij.panel;

import ij.IJ;
import java.awt.Toolkit;
import java.awt.datatransfer.StringSelection;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.ij.models.ModelRows;
import org.samj.bridge.ij.work.Gestures;

/** The one thing to press after an error: by its code, which is the same in every language and from every segmenter. */
final class Mending {

    private static final Set<String> SET_UP = codes("not-set-up", "no-environment", "environment-gone", "adopted-gone",
        "not-an-environment", "cannot-start", "probe-failed", "install", "bundle-gone", "bad-card");
    private static final Set<String> FETCH = codes("model-not-installed", "licence-not-accepted", "model-file-missing",
        "weights-missing", "model-changed", "wrong-hash", "wrong-size", "hash-mismatch", "fetch-failed", "stalled",
        "no-answer", "incomplete", "silent", "download", "network", "no-network", "no-python", "not-started", "no-space",
        "disk-failed", "offline", "unverified");
    private static final Set<String> AGAIN = codes("worker", "worker-crashed", "worker-timeout", "out-of-memory",
        "no-memory", "session-closed", "segmenter-closed", "scene-closed");

    private final ModelRows model;
    private final Gestures gestures;

    Mending(ModelRows model, Gestures gestures) {
        this.model = model;
        this.gestures = gestures;
    }

    /** A button and what it does. */
    static final class Way {
        final String label;
        final String tip;
        final Runnable action;

        Way(String label, String tip, Runnable action) {
            this.label = label;
            this.tip = tip;
            this.action = action;
        }
    }

    /** The way out of an error; null: it was the user's own wish. */
    Way of(SegmenterException error) {
        String code = error.code();
        if ("cancelled".equals(code)) {
            return null;
        }
        if (SET_UP.contains(code)) {
            // It may have been there a moment ago.
            model.refresh();
            return new Way("Set up", "Make the environment that the networks run in, anew where it is broken",
                model::setUp);
        }
        if (FETCH.contains(code)) {
            String missing = model.missing();
            return new Way(missing.isEmpty() ? "Try again" : missing, "What came already is kept: it goes on from there",
                () -> provideOrAsk());
        }
        if ("no-image".equals(code)) {
            return new Way("Open an image...", "ImageJ's File > Open", () -> IJ.doCommand("Open..."));
        }
        if ("java-memory".equals(code)) {
            return new Way("Memory...", "ImageJ's Edit > Options > Memory & Threads",
                () -> IJ.doCommand("Memory & Threads..."));
        }
        if ("classes-full".equals(code)) {
            return new Way("Names of groups...", "ImageJ's Edit > Options > Roi Defaults",
                () -> IJ.doCommand("Roi Defaults..."));
        }
        if ("device-unavailable".equals(code)) {
            return new Way("Use the best device", "Let the fastest device of this machine be found again",
                model::useAnyDevice);
        }
        if (AGAIN.contains(code)) {
            return new Way("Try again", "Ask the same once more", gestures::again);
        }
        return new Way("Copy the report", "Copy what happened and the log, to send it to us or to ask others",
            () -> copy(Told.report(error)));
    }

    private void provideOrAsk() {
        if (model.missing().isEmpty()) {
            gestures.again();
        } else {
            model.provide();
        }
    }

    private static void copy(String text) {
        StringSelection all = new StringSelection(text);
        Toolkit.getDefaultToolkit().getSystemClipboard().setContents(all, all);
        IJ.showStatus("The report is in the clipboard.");
    }

    private static Set<String> codes(String... codes) {
        return new HashSet<>(Arrays.asList(codes));
    }
}
