package org.samj.bridge.ij.panel;

import ij.Prefs;
import java.awt.BorderLayout;
import java.awt.EventQueue;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Supplier;
import javax.swing.BoxLayout;
import javax.swing.JButton;
import javax.swing.JComboBox;
import javax.swing.JLabel;
import javax.swing.JPanel;
import javax.swing.JProgressBar;
import javax.swing.SwingUtilities;
import org.samj.bridge.ModelInfo;
import org.samj.bridge.Segmenter;
import org.samj.bridge.ij.results.Choices;
import org.samj.bridge.ij.work.Desk;

/** The part of the panel about the model: which one, its state, its installation, and what it runs on. */
final class ModelRows extends JPanel {

    private static final String DEVICE = "samj.device";

    private final transient Desk desk;
    private final JComboBox<ModelInfo> models = new JComboBox<>();
    private final JLabel state = new JLabel(" ");
    private final JButton ready = new JButton("Start");
    private final JProgressBar progress = new JProgressBar();
    private final JButton cancel = new JButton("Cancel");
    private final JPanel waiting;
    private final JLabel device = new JLabel("-");
    private final JComboBox<String> devices = new JComboBox<>();
    private transient Licence asked;
    private transient volatile Thread installing;
    private volatile boolean stop;
    private boolean busy;
    private boolean filling;

    ModelRows(Desk desk) {
        this.desk = desk;
        setLayout(new BoxLayout(this, BoxLayout.Y_AXIS));
        JPanel chooser = new JPanel(new BorderLayout(6, 0));
        chooser.add(new JLabel("Model"), BorderLayout.WEST);
        chooser.add(models, BorderLayout.CENTER);
        add(Panel.line(chooser));
        add(Panel.line(state));
        add(Panel.line(ready));
        waiting = Panel.row(progress, cancel);
        waiting.setVisible(false);
        add(waiting);
        JPanel runs = new JPanel(new BorderLayout(6, 0));
        runs.add(new JLabel("Runs on"), BorderLayout.WEST);
        runs.add(device, BorderLayout.CENTER);
        runs.add(devices, BorderLayout.EAST);
        devices.setVisible(false);
        add(Panel.line(runs));
        models.setName("samj model");
        state.setName("samj state");
        ready.setName("samj ready");
        progress.setName("samj installing");
        device.setName("samj device");
        devices.setName("samj devices");
        cancel.setName("samj cancel installation");
        models.setRenderer(new ModelWords.Renderer());
        devices.setToolTipText("auto is the fastest one; images are read again after a change");
        models.addActionListener(e -> chosen());
        devices.addActionListener(e -> useDevice());
        ready.addActionListener(e -> desk.talk.guarded(this::pressed));
        cancel.addActionListener(e -> stop = true);
        String wanted = Prefs.get(DEVICE, "");
        if (!wanted.isEmpty()) {
            desk.work.later(() -> choose(wanted));
        }
        refresh();
    }

    /** Ask the segmenter which models there are, and show them. */
    void refresh() {
        desk.work.later(() -> {
            ModelInfo[] known;
            try {
                known = desk.segmenter.models();
            } catch (RuntimeException | Error error) {
                // A catalog of the laboratory's own may be wrong: its problems are told in words.
                desk.talk.fail(error);
                return;
            }
            EventQueue.invokeLater(() -> show(known));
        });
    }

    /** Stop an installation; what came of it is kept. */
    void stop() {
        stop = true;
        if (asked != null) {
            asked.dispose();
        }
    }

    /** Wait a moment for an installation that was stopped. Not on the event thread. */
    void join() {
        Thread thread = installing;
        if (thread == null) {
            return;
        }
        try {
            thread.join(5000);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void show(ModelInfo[] known) {
        filling = true;
        models.removeAllItems();
        for (ModelInfo model : known) {
            models.addItem(model);
            if (model.id.equals(Choices.get().model)) {
                models.setSelectedItem(model);
            }
        }
        filling = false;
        describe();
    }

    private void chosen() {
        ModelInfo model = (ModelInfo) models.getSelectedItem();
        if (!filling && model != null) {
            Choices.set(Choices.get().withModel(model.id));
            describe();
        }
    }

    private void describe() {
        ModelInfo model = (ModelInfo) models.getSelectedItem();
        if (model == null) {
            return;
        }
        models.setToolTipText(model.goodFor);
        ready.setText(ModelWords.label(model));
        ready.setToolTipText("Licence: " + model.licence);
        if (!busy) {
            state.setText(ModelWords.state(model));
            state.setToolTipText(null);
        }
        desk.work.later(() -> {
            String line = desk.segmenter.device();
            String[] choice = desk.segmenter.devices();
            EventQueue.invokeLater(() -> showDevice(line, choice));
        });
    }

    private void showDevice(String line, String[] choice) {
        String wanted = Prefs.get(DEVICE, "auto");
        device.setText(line.isEmpty() ? "- (starts by itself)" : line);
        List<String> there = new ArrayList<>(Arrays.asList(choice));
        if (there.isEmpty() && !"auto".equals(wanted)) {
            // It may be what keeps the worker from starting: the way back must be there.
            there = new ArrayList<>(Arrays.asList("auto", wanted));
        }
        filling = true;
        devices.removeAllItems();
        there.forEach(devices::addItem);
        devices.setSelectedItem(wanted);
        filling = false;
        devices.setVisible(there.size() > 1);
        revalidate();
    }

    private void useDevice() {
        String wanted = (String) devices.getSelectedItem();
        if (filling || wanted == null || wanted.equals(Prefs.get(DEVICE, "auto"))) {
            return;
        }
        Prefs.set(DEVICE, wanted);
        device.setText("...");
        desk.work.later(() -> {
            choose(wanted);
            EventQueue.invokeLater(() -> {
                desk.talk.say("The next prompt runs on " + wanted + "; images are read again for it.");
                describe();
            });
        });
    }

    private void choose(String wanted) {
        try {
            desk.scenes.forget();
            desk.segmenter.useDevice(wanted);
        } catch (RuntimeException | Error error) {
            desk.talk.fail(error);
        }
    }

    private void pressed() {
        ModelInfo model = (ModelInfo) models.getSelectedItem();
        if (model == null || busy) {
            return;
        }
        if (model.installed) {
            start(model);
        } else if (Licence.isNeeded(model)) {
            if (asked != null) {
                asked.dispose();
            }
            asked = Licence.show(SwingUtilities.getWindowAncestor(this), model, () -> install(model));
        } else {
            install(model);
        }
    }

    private void start(ModelInfo model) {
        begin("Starting " + model.title);
        desk.work.later(() -> attempt(steps -> desk.segmenter.prepare(model.id, steps),
            () -> model.title + " is ready."));
    }

    /** On a thread of its own: who waits for a download goes on drawing with another model. */
    private void install(ModelInfo model) {
        if (busy) {
            return;
        }
        begin("Installing " + model.title);
        boolean accepted = model.licenceAsks && Licence.isAccepted(model);
        Thread thread = new Thread(() -> attempt(
            steps -> desk.segmenter.install(model.id, accepted, steps),
            () -> model.title + (model.id.equals(Choices.get().model) ? " is installed: the next prompt uses it."
                : " is installed: choose it to use it.")), "SAMJ installation");
        thread.setDaemon(true);
        thread.setContextClassLoader(ModelRows.class.getClassLoader());
        installing = thread;
        thread.start();
    }

    private void begin(String words) {
        stop = false;
        busy = true;
        ready.setEnabled(false);
        state.setText(words);
        // In place of what was told of an earlier try.
        desk.talk.say(words + ".");
        progress.setIndeterminate(true);
        waiting.setVisible(true);
    }

    private void attempt(Consumer<Segmenter.Progress> job, Supplier<String> done) {
        try {
            job.accept(new Steps());
            EventQueue.invokeLater(() -> desk.talk.say(done.get()));
        } catch (RuntimeException | Error error) {
            desk.talk.fail(error);
        }
        EventQueue.invokeLater(() -> {
            busy = false;
            ready.setEnabled(true);
            waiting.setVisible(false);
        });
        refresh();
    }

    private final class Steps implements Segmenter.Progress {
        @Override
        public void tell(String text, double fraction) {
            EventQueue.invokeLater(() -> {
                if (!busy) {
                    return;
                }
                state.setText(text);
                state.setToolTipText(text);
                progress.setIndeterminate(fraction < 0);
                progress.setValue((int) Math.round(100 * Math.max(0, fraction)));
            });
        }

        @Override
        public boolean isCancelled() {
            return stop;
        }
    }
}
