package org.samj.bridge.ij.models;

import ij.Prefs;
import java.awt.BorderLayout;
import java.awt.EventQueue;
import java.awt.Font;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import javax.swing.JButton;
import javax.swing.JComboBox;
import javax.swing.JLabel;
import javax.swing.JPanel;
import org.samj.bridge.ij.macros.Recording;
import org.samj.bridge.ij.parts.Sizes;
import org.samj.bridge.ij.work.Desk;

/** What the model runs on; a choice where there is one. On the event thread. */
final class DeviceRow extends JPanel {

    private static final String DEVICE = "samj.device";

    private final transient Desk desk;
    private final JLabel device = new JLabel("-");
    private final JComboBox<String> devices = new JComboBox<>();
    private final JButton start = new JButton("Start");
    private final JButton update = new JButton();
    private boolean mayStart;
    private boolean filling;

    /** A row; `started` is what its button does, as long as nothing runs; `updated`, what brings another version. */
    DeviceRow(Desk desk, Runnable started, Runnable updated) {
        super(new BorderLayout(Sizes.em(0.5), 0));
        this.desk = desk;
        JPanel choice = new JPanel(new BorderLayout());
        choice.add(update, BorderLayout.WEST);
        choice.add(start, BorderLayout.CENTER);
        update.setName("samj update");
        update.setVisible(false);
        update.addActionListener(e -> desk.talk.guarded(updated));
        choice.add(devices, BorderLayout.EAST);
        add(new JLabel("Runs on"), BorderLayout.WEST);
        add(device, BorderLayout.CENTER);
        add(choice, BorderLayout.EAST);
        device.setName("samj device");
        devices.setName("samj devices");
        start.setName("samj start");
        start.setMnemonic('S');
        start.setToolTipText("Start the model now, so that the first click is answered sooner");
        device.setFont(device.getFont().deriveFont(Font.PLAIN));
        device.setToolTipText("What the model runs on; it starts by itself with the first click");
        devices.setToolTipText("auto is the fastest one; images are read again after a change");
        devices.setVisible(false);
        devices.addActionListener(e -> {
            String wanted = (String) devices.getSelectedItem();
            if (!filling && wanted != null && !wanted.equals(Prefs.get(DEVICE, "auto"))) {
                use(wanted);
            }
        });
        start.addActionListener(e -> desk.talk.guarded(started));
        String wanted = Prefs.get(DEVICE, "");
        if (!wanted.isEmpty()) {
            desk.work.later(() -> choose(wanted));
        }
    }

    /** Whether there is something to start. */
    void startable(boolean yes) {
        mayStart = yes;
    }

    /** Offer what need not be done: an update. Empty: nothing. */
    void offer(String action, String words) {
        update.setText(action);
        update.setToolTipText(words);
        update.setVisible(!action.isEmpty());
    }

    /** Ask what it runs on now. */
    void refresh() {
        desk.work.later(() -> {
            String line = desk.segmenter.device();
            String[] choice = desk.segmenter.devices();
            EventQueue.invokeLater(() -> fill(line, choice));
        });
    }

    /** Run on another device from the next prompt on. */
    void use(String wanted) {
        Prefs.set(DEVICE, wanted);
        Recording.device(wanted);
        device.setText("...");
        desk.work.later(() -> {
            choose(wanted);
            EventQueue.invokeLater(() -> {
                desk.talk.say("The next prompt runs on " + wanted + "; images are read again for it.");
                refresh();
            });
        });
    }

    private void fill(String line, String[] choice) {
        String wanted = Prefs.get(DEVICE, "auto");
        device.setText(line.isEmpty() ? "- (starts by itself)" : line);
        start.setVisible(line.isEmpty() && mayStart);
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

    private void choose(String wanted) {
        try {
            desk.scenes.forget();
            desk.segmenter.useDevice(wanted);
        } catch (RuntimeException | Error error) {
            desk.talk.fail(error);
        }
    }
}
