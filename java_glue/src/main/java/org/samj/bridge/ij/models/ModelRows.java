package org.samj.bridge.ij.models;

import java.awt.BorderLayout;
import java.awt.Component;
import java.awt.EventQueue;
import java.awt.Font;
import java.util.ArrayList;
import java.util.List;
import javax.swing.BoxLayout;
import javax.swing.JComboBox;
import javax.swing.JComponent;
import javax.swing.JLabel;
import javax.swing.JPanel;
import javax.swing.SwingUtilities;
import org.samj.bridge.ModelInfo;
import org.samj.bridge.ij.macros.Recording;
import org.samj.bridge.ij.parts.Sizes;
import org.samj.bridge.ij.results.Choices;
import org.samj.bridge.ij.work.Desk;

/**
 * Which model, what it is good for, and what it runs on; and what has to be done before it answers: a set-up, its
 * installation. On the event thread.
 */
public final class ModelRows extends JPanel {

    private final transient Desk desk;
    private final transient Fetching fetching;
    private final transient List<Runnable> listeners = new ArrayList<>();
    private final JComboBox<ModelInfo> models = new JComboBox<>();
    private final JLabel goodFor = new JLabel(" ");
    private final DeviceRow device;
    private final Upkeep upkeep;
    private transient Licence asked;
    private boolean setUp = true;
    private String action = "";
    private String words = "";
    private boolean filling;

    /** Rows for what the desk's segmenter has. */
    public ModelRows(Desk desk) {
        this.desk = desk;
        this.fetching = new Fetching(desk, this::refresh);
        this.device = new DeviceRow(desk, this::start, this::setUp);
        this.upkeep = new Upkeep(desk, fetching::isBusy, this::repair, this::remove);
        setLayout(new BoxLayout(this, BoxLayout.Y_AXIS));
        JPanel chooser = new JPanel(new BorderLayout(Sizes.em(0.5), 0));
        JLabel label = new JLabel("Model");
        label.setDisplayedMnemonic('M');
        label.setLabelFor(models);
        chooser.add(label, BorderLayout.WEST);
        chooser.add(models, BorderLayout.CENTER);
        for (JComponent one : new JComponent[] {chooser, goodFor, device}) {
            one.setAlignmentX(Component.LEFT_ALIGNMENT);
            add(one);
        }
        models.setName("samj model");
        goodFor.setName("samj good for");
        goodFor.setFont(goodFor.getFont().deriveFont(Font.PLAIN, goodFor.getFont().getSize2D() * 0.9f));
        goodFor.setBorder(Sizes.space(0.2, 0, 0.2));
        models.setRenderer(new ModelWords.Renderer());
        models.setPrototypeDisplayValue(new ModelInfo("", "Electron microscopy organelles", true, 0, "", ""));
        models.addActionListener(e -> chosen());
        // A click or a macro may start the worker as well as the button does.
        desk.scenes.whenEncoded(() -> EventQueue.invokeLater(device::refresh));
        refresh();
    }

    /** Hear of every change of what has to be done. */
    public void listen(Runnable listener) {
        listeners.add(listener);
    }

    /** The rows that show how far a set-up or an installation is; to be put where the eye is. */
    public JPanel progress() {
        return fetching;
    }

    /** The rows that say where everything lies, and repair or remove it. */
    public JPanel upkeep() {
        return upkeep;
    }

    /** Ask the segmenter which models there are, and show them. */
    public void refresh() {
        desk.work.later(() -> {
            ModelInfo[] known;
            boolean there;
            boolean removable;
            String next;
            String more;
            String home;
            try {
                there = desk.segmenter.isSetUp();
                next = desk.segmenter.setUpAction();
                more = next.isEmpty() ? "" : desk.segmenter.setUpWords();
                home = desk.segmenter.home();
                removable = desk.segmenter.isRemovable();
                known = desk.segmenter.models();
            } catch (RuntimeException | Error error) {
                // A catalog of the laboratory's own may be wrong: its problems are told in words.
                desk.talk.fail(error);
                return;
            }
            EventQueue.invokeLater(() -> {
                setUp = there;
                action = next;
                words = more;
                upkeep.show(there || removable ? home : "", removable);
                show(known);
            });
        });
    }

    /** What has to be done before a click can be answered, as a button says it; empty: nothing. */
    public String missing() {
        ModelInfo model = (ModelInfo) models.getSelectedItem();
        if (!setUp) {
            return action;
        }
        return model == null || model.installed ? "" : ModelWords.label(model);
    }

    /** More about what has to be done. */
    public String missingWords() {
        ModelInfo model = (ModelInfo) models.getSelectedItem();
        if (!setUp) {
            return words;
        }
        return model == null ? "" : ModelWords.state(model);
    }

    /** Whether a set-up or an installation is on its way. */
    public boolean isBusy() {
        return fetching.isBusy();
    }

    /** Do what has to be done. */
    public void provide() {
        ModelInfo model = (ModelInfo) models.getSelectedItem();
        if (fetching.isBusy()) {
            return;
        }
        if (!setUp) {
            setUp();
        } else if (model != null && !model.installed) {
            install(model);
        }
    }

    /** Make what the networks run in; who waits for it may look at images meanwhile. */
    public void setUp() {
        String done = action.isEmpty() ? "Set up" : action;
        Recording.install(Choices.get().model, false);
        fetching.beside(done, steps -> desk.segmenter.setUp(steps), () -> done + ": done. SAMJ is ready.");
        tell();
    }

    private void repair() {
        if (!fetching.isBusy()) {
            Recording.repair();
            fetching.beside("Repairing", steps -> desk.segmenter.repair(steps), () -> "Repaired: SAMJ is ready.");
            changing();
        }
    }

    private void remove() {
        if (!fetching.isBusy()) {
            Recording.remove();
            fetching.beside("Removing", steps -> desk.segmenter.remove(steps),
                () -> "SAMJ is removed. Set up brings it back.");
            changing();
        }
    }

    /** What the worker has read goes with it. */
    private void changing() {
        desk.work.later(desk.scenes::forget);
        upkeep.pause();
        tell();
    }

    /** Let the fastest device be found again, because the chosen one gives trouble. */
    public void useAnyDevice() {
        device.use("auto");
    }

    /** Stop an installation; what came of it is kept. */
    public void stop() {
        fetching.stop();
        upkeep.close();
        if (asked != null) {
            asked.dispose();
        }
    }

    /** Wait a moment for an installation that was stopped. Not on the event thread. */
    public void join() {
        fetching.join();
    }

    private void start() {
        ModelInfo model = (ModelInfo) models.getSelectedItem();
        if (model != null) {
            Recording.install(model.id, false);
            fetching.onWorker("Starting " + model.title, steps -> desk.segmenter.prepare(model.id, steps),
                () -> model.title + " is ready.");
        }
    }

    private void install(ModelInfo model) {
        if (!Licence.isNeeded(model)) {
            fetch(model);
            return;
        }
        if (asked != null) {
            asked.dispose();
        }
        asked = Licence.show(SwingUtilities.getWindowAncestor(this), model, () -> fetch(model));
    }

    private void fetch(ModelInfo model) {
        boolean accepted = model.licenceAsks && Licence.isAccepted(model);
        Recording.install(model.id, accepted);
        fetching.beside("Installing " + model.title, steps -> desk.segmenter.install(model.id, accepted, steps),
            () -> model.title + (model.id.equals(Choices.get().model) ? " is installed: the next prompt uses it."
                : " is installed: choose it to use it."));
        tell();
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
        if (model != null) {
            String tip = "<html>" + Licence.escape(ModelWords.goodFor(model)) + "<br>Licence: "
                + Licence.escape(model.licence);
            goodFor.setText(ModelWords.inOneLine(model));
            goodFor.setToolTipText(tip);
            models.setToolTipText(tip);
            device.startable(setUp && model.installed);
            // What works can be updated; that is nothing to do first.
            device.offer(setUp ? action : "", words);
            device.refresh();
        }
        tell();
    }

    private void tell() {
        listeners.forEach(Runnable::run);
    }
}
