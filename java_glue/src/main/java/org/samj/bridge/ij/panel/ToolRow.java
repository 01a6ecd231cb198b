package org.samj.bridge.ij.panel;

import ij.ImagePlus;
import ij.WindowManager;
import ij.io.SaveDialog;
import java.awt.Component;
import java.awt.Font;
import java.awt.GridBagConstraints;
import java.awt.GridBagLayout;
import java.awt.Insets;
import java.awt.event.ActionListener;
import java.io.File;
import java.util.Map;
import javax.swing.AbstractButton;
import javax.swing.Icon;
import javax.swing.JButton;
import javax.swing.JMenuItem;
import javax.swing.JPanel;
import javax.swing.JPopupMenu;
import javax.swing.JToggleButton;
import javax.swing.SwingConstants;
import org.samj.bridge.ij.batch.Batch;
import org.samj.bridge.ij.batch.Everything;
import org.samj.bridge.ij.batch.Labels;
import org.samj.bridge.ij.batch.RoiPrompts;
import org.samj.bridge.ij.export.Export;
import org.samj.bridge.ij.images.Plane;
import org.samj.bridge.ij.macros.Recording;
import org.samj.bridge.ij.parts.Icons;
import org.samj.bridge.ij.parts.Sizes;
import org.samj.bridge.ij.results.Choices;
import org.samj.bridge.ij.results.Results;
import org.samj.bridge.ij.work.Desk;
import org.samj.bridge.ij.work.Gestures;

/** The working controls: a row of icons with names. On the event thread. */
final class ToolRow extends JPanel {

    private final transient Desk desk;
    private final transient Running running;
    private final JButton accept = new JButton("Accept");
    private final JButton everything = new JButton("Everything");
    private final JButton batch = new JButton("Batch");
    private final JButton export = new JButton("Export...");
    private final JToggleButton live = new JToggleButton("Live");
    private final JButton help = new JButton("Help");

    ToolRow(Desk desk, Gestures gestures, Running running) {
        super(new GridBagLayout());
        this.desk = desk;
        this.running = running;
        put(accept, Icons.ACCEPT, 'A', "Put the object that is shown into the ROI Manager (Enter or t on the image)");
        put(everything, Icons.EVERYTHING, 'E', "Find every object of the image, or of the selection");
        put(batch, Icons.BATCH, 'B', "Every rectangle and point in the ROI Manager becomes a prompt, or every label of a"
            + " label image or mask that is open");
        put(export, Icons.EXPORT, 'X', "Label image, ROI zip, GeoJSON or COCO of what the ROI Manager holds");
        put(live, Icons.LIVE, 'L', "ImageJ's rectangle, point and multi-point tools become prompts");
        put(help, Icons.HELP, 'H', "The guide: mouse, keys, macros");
        live.setSelected(Choices.get().live);
        live.addActionListener(e -> {
            Choices.set(Choices.get().withLive(live.isSelected()));
            desk.talk.say(live.isSelected() ? "Live: rectangles and points on any image are prompts now."
                : "Live is off: ImageJ's tools are its own again.");
        });
        accept.addActionListener(told(gestures::accept));
        everything.addActionListener(e -> running.begin("everything", imp -> {
            Choices choices = Choices.get();
            Recording.everything(choices);
            return Everything.find(desk, imp, choices) + " objects are in the ROI Manager.";
        }));
        batch.addActionListener(told(this::batch));
        export.addActionListener(told(this::export));
        help.addActionListener(e -> Guide.show(this));
    }

    /** What can't be begun while something else is on its way is grey. */
    void look() {
        for (Component one : new Component[] {everything, batch, export}) {
            one.setEnabled(!running.isBusy());
        }
    }

    private void put(AbstractButton button, Icon icon, char mnemonic, String tip) {
        button.setIcon(icon);
        button.setMnemonic(mnemonic);
        button.setToolTipText(tip);
        button.setVerticalTextPosition(SwingConstants.BOTTOM);
        button.setHorizontalTextPosition(SwingConstants.CENTER);
        button.setMargin(new Insets(Sizes.em(0.25), 0, Sizes.em(0.15), 0));
        button.setFont(button.getFont().deriveFont(Font.PLAIN, button.getFont().getSize2D() * 0.85f));
        // As wide as its name needs, and a share of what is left: names are what tells one from another.
        GridBagConstraints cell = new GridBagConstraints();
        cell.fill = GridBagConstraints.BOTH;
        cell.weightx = 1;
        cell.weighty = 1;
        add(button, cell);
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
        running.begin("batch", image -> {
            int found = Batch.run(desk, prompts.jobs, choices, running.progress());
            Recording.batch(choices);
            return Batch.sentence(prompts.jobs.size(), found) + prompts.leftOut();
        });
    }

    private void batchOfLabels(ImagePlus imp, ImagePlus labels) {
        Choices choices = Choices.get();
        Plane plane = Plane.shown(imp);
        running.begin("batch", image -> {
            Labels.Found prompts = Labels.of(plane, labels);
            int found = Batch.run(desk, prompts.jobs, choices, running.progress());
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
        File file = null;
        if (!"labels".equals(format)) {
            SaveDialog dialog = new SaveDialog("Export", imp.getShortTitle() + suffix.substring(0, suffix.indexOf('.')),
                suffix.substring(suffix.indexOf('.')));
            if (dialog.getFileName() == null) {
                return;
            }
            file = new File(dialog.getDirectory(), dialog.getFileName());
        }
        File target = file;
        running.begin("export", image -> {
            ImagePlus labels = Export.as(format, target, image, Results.managed());
            Recording.export(format, target);
            if (labels != null) {
                labels.show();
                return labels.getTitle() + ": pixel value n is the n-th entry of the ROI Manager.";
            }
            return target + " is written.";
        });
    }
}
