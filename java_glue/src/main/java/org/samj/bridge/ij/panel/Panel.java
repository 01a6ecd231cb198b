package org.samj.bridge.ij.panel;

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
import java.util.Map;
import javax.swing.BorderFactory;
import javax.swing.Box;
import javax.swing.BoxLayout;
import javax.swing.JButton;
import javax.swing.JComponent;
import javax.swing.JFrame;
import javax.swing.JMenuItem;
import javax.swing.JPanel;
import javax.swing.JPopupMenu;
import javax.swing.JProgressBar;
import javax.swing.JScrollPane;
import javax.swing.JTextArea;
import javax.swing.JToggleButton;
import org.samj.bridge.Segmenter;
import org.samj.bridge.ij.batch.Batch;
import org.samj.bridge.ij.batch.Everything;
import org.samj.bridge.ij.batch.Labels;
import org.samj.bridge.ij.batch.RoiPrompts;
import org.samj.bridge.ij.export.Export;
import org.samj.bridge.ij.images.Plane;
import org.samj.bridge.ij.macros.Recording;
import org.samj.bridge.ij.results.Choices;
import org.samj.bridge.ij.results.Results;
import org.samj.bridge.ij.work.Desk;
import org.samj.bridge.ij.work.Log;

/** The small window beside the toolbar: model, Live, what is kept, everything, and what happens in words. */
public final class Panel extends JFrame {

    private final transient Desk desk;
    private final transient Runnable acceptShown;
    private final ModelRows model;
    private final JButton cancel = new JButton("Cancel");
    private final JToggleButton live = new JToggleButton("Live");
    private final JButton everything = new JButton("Everything");
    private final JButton accept = new JButton("Accept");
    private final JButton batch = new JButton("Batch");
    private final JButton export = new JButton("Export...");
    private final JButton help = new JButton("Help");
    private final JTextArea message = new JTextArea(6, 24);
    private final JTextArea log = new JTextArea(5, 24);
    private final JProgressBar progress = new JProgressBar();
    private final JPanel waiting = row(progress, cancel);
    private volatile boolean stop;

    /**
     * The window, not shown yet.
     *
     * @param desk what it works with
     * @param acceptShown puts the object that is shown into the ROI Manager
     */
    public Panel(Desk desk, Runnable acceptShown) {
        super("SAMJ");
        this.desk = desk;
        this.acceptShown = acceptShown;
        this.model = new ModelRows(desk);
        setName("SAMJ panel");
        setDefaultCloseOperation(HIDE_ON_CLOSE);
        add(content(), BorderLayout.CENTER);
        live.setSelected(Choices.get().live);
        listen();
        desk.talk.tellTo(this::tell);
        Log.read(line -> EventQueue.invokeLater(() -> log.append(line + "\n")));
        log.setText(Log.all().isEmpty() ? "" : Log.all() + "\n");
        pack();
        setMinimumSize(getSize());
        dock();
    }

    private JComponent content() {
        JPanel page = new JPanel();
        page.setLayout(new BoxLayout(page, BoxLayout.Y_AXIS));
        page.setBorder(BorderFactory.createEmptyBorder(8, 8, 8, 8));
        page.add(model);
        page.add(Box.createVerticalStrut(4));
        page.add(row(live, accept));
        page.add(row(everything, batch));
        page.add(row(export, help));
        page.add(waiting);
        page.add(Box.createVerticalStrut(4));
        page.add(new ResultsRows(desk.talk));
        page.add(Box.createVerticalStrut(4));
        page.add(readOnly(message, "What happens"));
        page.add(readOnly(log, "Log"));
        message.setName("samj message");
        log.setName("samj log");
        cancel.setName("samj cancel");
        waiting.setVisible(false);
        batch.setToolTipText("Every rectangle and point in the ROI Manager becomes a prompt, or every label of a label"
            + " image or mask that is open");
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

    /** Two components side by side. */
    static JPanel row(JComponent left, JComponent right) {
        JPanel row = new JPanel(new GridLayout(1, 2, 6, 0));
        row.add(left);
        row.add(right);
        row.setMaximumSize(new Dimension(Integer.MAX_VALUE, 28));
        return row;
    }

    /** A component that has a line to itself. */
    static JPanel line(JComponent only) {
        JPanel line = new JPanel(new BorderLayout());
        line.add(only, BorderLayout.CENTER);
        line.setMaximumSize(new Dimension(Integer.MAX_VALUE, 28));
        return line;
    }

    /** Stop what is being installed, and close the window. */
    @Override
    public void dispose() {
        model.stop();
        super.dispose();
    }

    /** Stop what is being installed. From any thread. */
    public void stop() {
        model.stop();
    }

    /** Wait a moment for what was stopped. Not on the event thread. */
    public void join() {
        model.join();
    }

    private void listen() {
        live.addActionListener(e -> {
            Choices.set(Choices.get().withLive(live.isSelected()));
            desk.talk.say(live.isSelected() ? "Live: rectangles and points on any image are prompts now."
                : "Live is off: ImageJ's tools are its own again.");
        });
        cancel.addActionListener(e -> {
            stop = true;
            desk.talk.cancel();
        });
        accept.addActionListener(told(acceptShown));
        everything.addActionListener(e -> inBackground("everything", imp -> {
            Choices choices = Choices.get();
            Recording.everything(choices);
            return Everything.find(desk, imp, choices) + " objects are in the ROI Manager.";
        }));
        batch.addActionListener(told(this::batch));
        export.addActionListener(told(this::export));
        help.addActionListener(e -> Guide.show(this));
    }

    /** What a button does: whatever goes wrong is told, not left to a console that nobody sees. */
    private ActionListener told(Runnable job) {
        return e -> desk.talk.guarded(job);
    }

    private void batch() {
        ImagePlus imp = WindowManager.getCurrentImage();
        if (imp == null) {
            desk.talk.say("Open an image first.");
            return;
        }
        Map<ImagePlus, String> others = Labels.candidates(imp);
        if (others.isEmpty()) {
            batchOfRois(imp);
            return;
        }
        JPopupMenu menu = new JPopupMenu();
        JMenuItem rois = new JMenuItem("ROIs of the ROI Manager");
        rois.addActionListener(told(() -> batchOfRois(imp)));
        menu.add(rois);
        others.forEach((labels, trouble) -> {
            JMenuItem item = new JMenuItem(trouble.isEmpty() ? "Labels of " + labels.getTitle() : trouble);
            item.setEnabled(trouble.isEmpty());
            item.addActionListener(told(() -> batchOfLabels(imp, labels)));
            menu.add(item);
        });
        menu.show(batch, 0, batch.getHeight());
    }

    private void batchOfRois(ImagePlus imp) {
        RoiPrompts prompts = new RoiPrompts(imp, Results.managed());
        if (prompts.jobs.isEmpty()) {
            desk.talk.say("The ROI Manager has no rectangle or point for this plane: draw some and add them with t, "
                + "or open a label image of the same size." + prompts.leftOut());
            return;
        }
        Choices choices = Choices.get();
        inBackground("batch", image -> {
            int found = Batch.run(desk, prompts.jobs, choices, new PanelProgress());
            return Batch.sentence(prompts.jobs.size(), found) + prompts.leftOut();
        });
    }

    private void batchOfLabels(ImagePlus imp, ImagePlus labels) {
        Choices choices = Choices.get();
        Plane plane = Plane.shown(imp);
        inBackground("batch", image -> {
            Labels.Found prompts = Labels.of(plane, labels);
            int found = Batch.run(desk, prompts.jobs, choices, new PanelProgress());
            Recording.labels(labels, choices);
            return (Batch.sentence(prompts.jobs.size(), found) + " " + prompts.said).trim();
        });
    }

    private void export() {
        JPopupMenu menu = new JPopupMenu();
        String[][] formats = {{"Label image", "labels"}, {"ROI zip...", "roi"}, {"GeoJSON...", "geojson"},
            {"COCO...", "coco"}};
        for (String[] format : formats) {
            JMenuItem item = new JMenuItem(format[0]);
            item.addActionListener(told(() -> export(format[1])));
            menu.add(item);
        }
        menu.show(export, 0, export.getHeight());
    }

    private void export(String format) {
        ImagePlus imp = WindowManager.getCurrentImage();
        if (imp == null) {
            desk.talk.say("Open an image first: an export needs its size.");
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
            ImagePlus labels = Export.as(format, target, image, Results.managed());
            Recording.export(format, target);
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
            desk.talk.say("Open an image first.");
            return;
        }
        stop = false;
        busy(true);
        Thread thread = new Thread(() -> {
            try {
                String end = task.on(imp);
                EventQueue.invokeLater(() -> desk.talk.say(end));
            } catch (RuntimeException | Error error) {
                desk.talk.fail(error);
            } finally {
                EventQueue.invokeLater(() -> busy(false));
            }
        }, "SAMJ " + name);
        thread.setDaemon(true);
        thread.start();
    }

    private void busy(boolean on) {
        everything.setEnabled(!on);
        batch.setEnabled(!on);
        export.setEnabled(!on);
        progress.setIndeterminate(on);
        waiting.setVisible(on);
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

    private final class PanelProgress implements Segmenter.Progress {
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
