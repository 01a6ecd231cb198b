package org.samj.bridge.ij;

import ij.IJ;
import ij.ImageJ;
import ij.ImagePlus;
import ij.WindowManager;
import ij.io.SaveDialog;
import java.awt.BorderLayout;
import java.awt.Dimension;
import java.awt.EventQueue;
import java.awt.GridLayout;
import java.awt.Rectangle;
import java.awt.event.ActionListener;
import java.util.List;
import javax.swing.BorderFactory;
import javax.swing.Box;
import javax.swing.BoxLayout;
import javax.swing.JButton;
import javax.swing.JCheckBox;
import javax.swing.JComboBox;
import javax.swing.JComponent;
import javax.swing.JFrame;
import javax.swing.JLabel;
import javax.swing.JMenuItem;
import javax.swing.JPanel;
import javax.swing.JPopupMenu;
import javax.swing.JProgressBar;
import javax.swing.JScrollPane;
import javax.swing.JSpinner;
import javax.swing.JTextArea;
import javax.swing.JTextField;
import javax.swing.JToggleButton;
import javax.swing.SpinnerNumberModel;
import org.samj.bridge.ModelInfo;
import org.samj.bridge.Options;

/** The small window beside the toolbar: model, Live, what is kept, everything, and what happens in words. */
final class Panel extends JFrame {

    private final transient Bridge bridge;
    private final JComboBox<ModelInfo> models = new JComboBox<>();
    private final JButton ready = new JButton("Set up");
    private final JButton cancel = new JButton("Cancel");
    private final JToggleButton live = new JToggleButton("Live");
    private final JButton everything = new JButton("Everything");
    private final JButton accept = new JButton("Accept");
    private final JButton batch = new JButton("Batch");
    private final JButton export = new JButton("Export...");
    private final JButton help = new JButton("Help");
    private final JCheckBox preview = new JCheckBox("Preview");
    private final JSpinner candidates = new JSpinner(new SpinnerNumberModel(3, 1, 3, 1));
    private final JSpinner minArea = new JSpinner(new SpinnerNumberModel(0, 0, 1_000_000, 10));
    private final JSpinner simplify = new JSpinner(new SpinnerNumberModel(0.0, 0.0, 20.0, 0.5));
    private final JCheckBox fillHoles = new JCheckBox("Fill holes");
    private final JCheckBox largestOnly = new JCheckBox("Largest part only");
    private final JCheckBox addAtOnce = new JCheckBox("Add automatically");
    private final JCheckBox colours = new JCheckBox("Colour each");
    private final JTextField pattern = new JTextField(12);
    private final JLabel state = new JLabel(" ");
    private final JTextArea message = new JTextArea(3, 24);
    private final JTextArea log = new JTextArea(8, 24);
    private final JProgressBar progress = new JProgressBar();
    private boolean filling;
    private volatile boolean stop;

    Panel(Bridge bridge) {
        super("SAMJ");
        this.bridge = bridge;
        setName("SAMJ panel");
        setDefaultCloseOperation(HIDE_ON_CLOSE);
        add(content(), BorderLayout.CENTER);
        fill(Choices.get());
        listen();
        bridge.live.tellTo(this::tell);
        Log.read(line -> EventQueue.invokeLater(() -> log.append(line + "\n")));
        log.setText(Log.all());
        pack();
        setMinimumSize(getSize());
        dock();
        bridge.work.later(this::listModels);
    }

    private JComponent content() {
        JPanel page = new JPanel();
        page.setLayout(new BoxLayout(page, BoxLayout.Y_AXIS));
        page.setBorder(BorderFactory.createEmptyBorder(8, 8, 8, 8));
        page.add(row(new JLabel("Model"), models));
        page.add(row(new JLabel("State"), state));
        page.add(row(new JLabel(), ready));
        page.add(row(progress, cancel));
        page.add(Box.createVerticalStrut(4));
        page.add(row(live, accept));
        page.add(row(everything, batch));
        page.add(row(export, help));
        page.add(Box.createVerticalStrut(4));
        page.add(row(new JLabel("Candidates"), candidates));
        page.add(row(new JLabel("Minimum size (px)"), minArea));
        page.add(row(new JLabel("Simplify (px)"), simplify));
        page.add(row(new JLabel("Names"), pattern));
        JPanel boxes = new JPanel(new GridLayout(3, 2));
        boxes.add(fillHoles);
        boxes.add(largestOnly);
        boxes.add(addAtOnce);
        boxes.add(colours);
        boxes.add(preview);
        page.add(boxes);
        page.add(Box.createVerticalStrut(4));
        page.add(readOnly(message, "What happens"));
        page.add(readOnly(log, "Log"));
        message.setName("samj message");
        log.setName("samj log");
        progress.setVisible(false);
        cancel.setVisible(false);
        pattern.setToolTipText("#### is the number; {image} and {model} stand for their names");
        batch.setToolTipText("Every rectangle and point in the ROI Manager becomes a prompt");
        preview.setToolTipText("Show what a click would give while the mouse moves (SAMJ tool, encoded images)");
        export.setToolTipText("Label image, ROI zip, GeoJSON or COCO of what the ROI Manager holds");
        everything.setToolTipText("Find every object of the image, or of the selection");
        live.setToolTipText("ImageJ's rectangle, point and multi-point tools become prompts");
        return page;
    }

    private static JComponent readOnly(JTextArea area, String title) {
        area.setEditable(false);
        area.setLineWrap(true);
        area.setWrapStyleWord(true);
        JScrollPane scroll = new JScrollPane(area);
        scroll.setBorder(BorderFactory.createTitledBorder(title));
        return scroll;
    }

    private static JComponent row(JComponent left, JComponent right) {
        JPanel row = new JPanel(new GridLayout(1, 2, 6, 0));
        row.add(left);
        row.add(right);
        row.setMaximumSize(new Dimension(Integer.MAX_VALUE, 28));
        return row;
    }

    private void fill(Choices choices) {
        filling = true;
        live.setSelected(choices.live);
        candidates.setValue(choices.options.candidates);
        minArea.setValue(choices.options.minArea);
        simplify.setValue(choices.simplify);
        fillHoles.setSelected(choices.options.fillHoles);
        largestOnly.setSelected(choices.options.largestOnly);
        addAtOnce.setSelected(choices.addAtOnce);
        colours.setSelected(choices.colours);
        preview.setSelected(choices.preview);
        pattern.setText(choices.pattern);
        filling = false;
    }

    private void listen() {
        ActionListener changed = e -> read();
        for (JCheckBox box : new JCheckBox[] {fillHoles, largestOnly, addAtOnce, colours, preview}) {
            box.addActionListener(changed);
        }
        for (JSpinner spinner : new JSpinner[] {candidates, minArea, simplify}) {
            spinner.addChangeListener(e -> read());
        }
        live.addActionListener(changed);
        models.addActionListener(changed);
        pattern.addActionListener(changed);
        pattern.addFocusListener(new java.awt.event.FocusAdapter() {
            @Override
            public void focusLost(java.awt.event.FocusEvent e) {
                read();
            }
        });
        ready.addActionListener(e -> prepare());
        cancel.addActionListener(e -> {
            stop = true;
            bridge.live.cancel();
        });
        accept.addActionListener(e -> bridge.live.accept());
        everything.addActionListener(e -> inBackground("everything", imp ->
            EverythingCommand.everything(imp, "model=" + Choices.get().model) + " objects are in the ROI Manager."));
        batch.addActionListener(e -> batch());
        export.addActionListener(e -> export());
        help.addActionListener(e -> Guide.show(this));
    }

    private void read() {
        if (filling) {
            return;
        }
        ModelInfo model = (ModelInfo) models.getSelectedItem();
        String names = pattern.getText().trim();
        Choices old = Choices.get();
        Choices now = new Choices(model == null ? old.model : model.id, live.isSelected(),
            new Options((Integer) candidates.getValue(), (Integer) minArea.getValue(), fillHoles.isSelected(),
                largestOnly.isSelected()),
            addAtOnce.isSelected(), (Double) simplify.getValue(),
            names.isEmpty() ? Choices.DEFAULT_PATTERN : names, colours.isSelected(),
            preview.isSelected());
        Choices.set(now);
        describe(model);
        if (now.live != old.live) {
            bridge.live.say(now.live ? "Live: rectangles and points on any image are prompts now."
                : "Live is off: ImageJ's tools are its own again.");
        }
    }

    private void listModels() {
        ModelInfo[] known = bridge.segmenter.models();
        EventQueue.invokeLater(() -> {
            filling = true;
            models.removeAllItems();
            for (ModelInfo model : known) {
                models.addItem(model);
                if (model.id.equals(Choices.get().model)) {
                    models.setSelectedItem(model);
                }
            }
            filling = false;
            describe((ModelInfo) models.getSelectedItem());
        });
    }

    private void describe(ModelInfo model) {
        if (model == null) {
            return;
        }
        models.setToolTipText(model.goodFor);
        ready.setText(model.installed ? "Start" : String.format("Install (%.0f MB)", model.sizeBytes / 1e6));
        ready.setToolTipText("Licence: " + model.licence);
        bridge.work.later(() -> {
            String device = bridge.segmenter.device();
            EventQueue.invokeLater(() -> state.setText(
                !model.installed ? "not installed" : device.isEmpty() ? "starts by itself" : device));
        });
    }

    private void prepare() {
        ModelInfo model = (ModelInfo) models.getSelectedItem();
        if (model == null) {
            return;
        }
        stop = false;
        busy(true);
        bridge.work.later(() -> {
            try {
                bridge.segmenter.prepare(model.id, new PanelProgress());
                EventQueue.invokeLater(() -> bridge.live.say(model.title + " is ready."));
            } catch (RuntimeException | Error error) {
                bridge.live.fail(error);
            }
            EventQueue.invokeLater(() -> busy(false));
            listModels();
        });
    }

    private void batch() {
        ImagePlus imp = WindowManager.getCurrentImage();
        if (imp == null) {
            bridge.live.say("Open an image first.");
            return;
        }
        List<Batch.Job> jobs = Batch.ofRois(imp, Batch.managed());
        if (jobs.isEmpty()) {
            bridge.live.say("The ROI Manager has no rectangle or point for this plane: draw some and add them with t.");
            return;
        }
        Choices choices = Choices.get();
        inBackground("batch", image -> {
            int found = bridge.call(() -> Batch.run(bridge, jobs, choices, new PanelProgress()));
            return Batch.sentence(jobs.size(), found);
        });
    }

    private void export() {
        JPopupMenu menu = new JPopupMenu();
        String[][] formats = {{"Label image", "labels"}, {"ROI zip...", "roi"}, {"GeoJSON...", "geojson"},
            {"COCO...", "coco"}};
        for (String[] format : formats) {
            JMenuItem item = new JMenuItem(format[0]);
            item.addActionListener(e -> export(format[1]));
            menu.add(item);
        }
        menu.show(export, 0, export.getHeight());
    }

    private void export(String format) {
        ImagePlus imp = WindowManager.getCurrentImage();
        if (imp == null) {
            bridge.live.say("Open an image first: an export needs its size.");
            return;
        }
        String suffix = "roi".equals(format) ? "_rois.zip" : "geojson".equals(format) ? "_outlines.geojson"
            : "_coco.json";
        java.io.File file = null;
        if (!"labels".equals(format)) {
            SaveDialog dialog = new SaveDialog("Export", imp.getShortTitle() + suffix.substring(0, suffix.indexOf('.')),
                suffix.substring(suffix.indexOf('.')));
            if (dialog.getFileName() == null) {
                return;
            }
            file = new java.io.File(dialog.getDirectory(), dialog.getFileName());
        }
        java.io.File target = file;
        inBackground("export", image -> {
            ImagePlus labels = Export.as(format, target, image, Batch.managed());
            if (labels != null) {
                labels.show();
                return labels.getTitle() + ": pixel value n is the n-th entry of the ROI Manager.";
            }
            return target + " is written.";
        });
    }

    private interface Task {
        String on(ImagePlus imp);
    }

    /** Do something that waits, on a thread of its own, as a menu command would be; say how it ended. */
    private void inBackground(String name, Task task) {
        ImagePlus imp = WindowManager.getCurrentImage();
        if (imp == null) {
            bridge.live.say("Open an image first.");
            return;
        }
        stop = false;
        busy(true);
        Thread thread = new Thread(() -> {
            try {
                String end = task.on(imp);
                EventQueue.invokeLater(() -> bridge.live.say(end));
            } catch (RuntimeException | Error error) {
                bridge.live.fail(error);
            }
            EventQueue.invokeLater(() -> busy(false));
        }, "SAMJ " + name);
        thread.setDaemon(true);
        thread.start();
    }

    private void busy(boolean on) {
        ready.setEnabled(!on);
        everything.setEnabled(!on);
        batch.setEnabled(!on);
        export.setEnabled(!on);
        progress.setVisible(on);
        progress.setIndeterminate(on);
        cancel.setVisible(on);
    }

    private void tell(String text) {
        message.setText(text);
        message.setCaretPosition(0);
    }

    private void dock() {
        ImageJ ij = IJ.getInstance();
        if (ij == null) {
            return;
        }
        // Beside the toolbar: images open below it.
        Rectangle screen = ij.getGraphicsConfiguration().getBounds();
        int left = ij.getX() - getWidth() - 4;
        int right = ij.getX() + ij.getWidth() + 4;
        boolean fitsRight = right + getWidth() <= screen.x + screen.width;
        setLocation(left >= screen.x ? left : fitsRight ? right : ij.getX(),
            left >= screen.x || fitsRight ? ij.getY() : ij.getY() + ij.getHeight() + 4);
    }

    private final class PanelProgress implements org.samj.bridge.Segmenter.Progress {
        @Override
        public void tell(String text, double fraction) {
            EventQueue.invokeLater(() -> {
                Panel.this.tell(text);
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
