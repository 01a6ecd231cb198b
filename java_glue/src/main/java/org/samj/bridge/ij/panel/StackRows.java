package org.samj.bridge.ij.panel;

import ij.ImagePlus;
import ij.WindowManager;
import ij.plugin.frame.RoiManager;
import java.awt.FlowLayout;
import java.awt.GridLayout;
import javax.swing.BoxLayout;
import javax.swing.JButton;
import javax.swing.JComboBox;
import javax.swing.JComponent;
import javax.swing.JLabel;
import javax.swing.JPanel;
import javax.swing.JSpinner;
import javax.swing.SpinnerNumberModel;
import org.samj.bridge.ij.macros.Recording;
import org.samj.bridge.ij.parts.Sizes;
import org.samj.bridge.ij.results.Choices;
import org.samj.bridge.ij.tracks.Doubts;
import org.samj.bridge.ij.tracks.Stacked;
import org.samj.bridge.ij.tracks.Through;
import org.samj.bridge.ij.work.Desk;

/** The section for stacks: objects of the ROI Manager followed through slices or time. On the event thread. */
final class StackRows extends JPanel {

    private final transient Desk desk;
    private final transient Running running;
    private final JComboBox<String> axis = new JComboBox<>(new String[] {"slices (z)", "frames (t)"});
    private final JComboBox<String> way = new JComboBox<>(Through.WAYS.toArray(new String[0]));
    private final JSpinner from = new JSpinner(new SpinnerNumberModel(1, 1, 1, 1));
    private final JSpinner to = new JSpinner(new SpinnerNumberModel(1, 1, 1, 1));
    private final JButton follow = new JButton("Follow");
    private final JButton doubtful = new JButton("Next doubtful");
    private final JButton correct = new JButton("Correct");
    private final JButton undo = new JButton("Undo");
    private String known = "";

    StackRows(Desk desk, Running running) {
        this.desk = desk;
        this.running = running;
        setLayout(new BoxLayout(this, BoxLayout.Y_AXIS));
        JPanel fields = new JPanel(new GridLayout(0, 4, Sizes.em(0.5), Sizes.em(0.3)));
        put(fields, "Along", axis, "samj stack axis", "Slices lie on each other; in frames objects move");
        put(fields, "Ways", way, "samj stack way", "From where an object was drawn to both ends, or to one");
        put(fields, "From", from, "samj stack from", "First slice or frame that objects are followed to");
        put(fields, "To", to, "samj stack to", "Last slice or frame that objects are followed to");
        add(fields);
        JPanel buttons = new JPanel(new FlowLayout(FlowLayout.LEFT, Sizes.em(0.3), Sizes.em(0.2)));
        put(buttons, follow, "samj stack follow", "Follow the objects whose ROIs are selected in the ROI Manager; none: all."
            + " ROIs of one name are one object; rectangles and points are prompts, other areas are taken as they are");
        put(buttons, doubtful, "samj stack doubtful", "Turn to where the model is least sure of an object; again: to the next");
        put(buttons, correct, "samj stack correct", "What is selected on the image is the doubtful object here (or the one whose"
            + " ROI is selected): follow it anew up to where it was drawn before and after");
        put(buttons, undo, "samj stack undo", "Take back all that was put into the ROI Manager last");
        add(buttons);
        follow.addActionListener(e -> desk.talk.guarded(this::follow));
        doubtful.addActionListener(e -> desk.talk.guarded(this::turn));
        correct.addActionListener(e -> desk.talk.guarded(this::correct));
        undo.addActionListener(e -> desk.talk.guarded(this::undo));
        axis.addActionListener(e -> limit(WindowManager.getCurrentImage()));
    }

    private static void put(JPanel fields, String name, JComponent field, String id, String tip) {
        JLabel label = new JLabel(name);
        label.setLabelFor(field);
        label.setToolTipText(tip);
        field.setName(id);
        field.setToolTipText(tip);
        field.getAccessibleContext().setAccessibleName(name);
        fields.add(label);
        fields.add(field);
    }

    private static void put(JPanel buttons, JButton button, String id, String tip) {
        button.setName(id);
        button.setToolTipText(tip);
        buttons.add(button);
    }

    /** See what is shown now. Returns whether it is a stack. */
    boolean look() {
        ImagePlus imp = WindowManager.getCurrentImage();
        boolean stack = imp != null && (imp.getNSlices() > 1 || imp.getNFrames() > 1);
        String now = stack ? imp.getID() + " " + imp.getNSlices() + " " + imp.getNFrames() : "";
        if (stack && !now.equals(known)) {
            axis.setEnabled(imp.getNSlices() > 1 && imp.getNFrames() > 1);
            axis.setSelectedIndex(imp.getNFrames() > 1 ? 1 : 0);
            limit(imp);
        }
        known = now;
        for (JButton button : new JButton[] {follow, correct, undo}) {
            button.setEnabled(!running.isBusy());
        }
        return stack;
    }

    private void limit(ImagePlus imp) {
        int last = imp == null ? 1 : axis.getSelectedIndex() == 1 ? imp.getNFrames() : imp.getNSlices();
        from.setModel(new SpinnerNumberModel(1, 1, Math.max(1, last), 1));
        to.setModel(new SpinnerNumberModel(Math.max(1, last), 1, Math.max(1, last), 1));
    }

    private String axis() {
        return axis.getSelectedIndex() == 1 ? "t" : "z";
    }

    private void follow() {
        Choices choices = Choices.get();
        String along = axis();
        String ways = (String) way.getSelectedItem();
        int first = (Integer) from.getValue();
        int last = (Integer) to.getValue();
        ImagePlus imp = WindowManager.getCurrentImage();
        if (imp == null) {
            desk.talk.say("Open a stack first.");
            return;
        }
        Stacked stack = Stacked.of(imp, along);
        Recording.propagate(choices, along, ways, first, last);
        running.begin("through the stack", image -> Through.follow(desk, stack, choices, ways, first, last, false,
            running.progress()));
    }

    private void turn() {
        ImagePlus imp = WindowManager.getCurrentImage();
        Doubts doubts = imp == null ? null : Doubts.known(imp);
        if (doubts == null) {
            desk.talk.say("Nothing was followed through this image yet: press Follow first.");
            return;
        }
        Doubts.Place place = doubts.next();
        if (place == null) {
            desk.talk.say("That was all; the next one is the most doubtful again.");
            return;
        }
        desk.talk.say(Through.turnTo(imp, doubts, place));
    }

    private void correct() {
        ImagePlus imp = WindowManager.getCurrentImage();
        String name = imp == null ? "" : Through.meant(imp);
        if (name.isEmpty()) {
            desk.talk.say("Which object is it? Press Next doubtful, or select one of its ROIs in the ROI Manager.");
            return;
        }
        Choices choices = Choices.get();
        String along = axis();
        Stacked stack = Stacked.of(imp, along);
        Recording.correct(choices, along, name);
        running.begin("correction", image -> Through.correct(desk, stack, choices, name, false, running.progress()));
    }

    private void undo() {
        ImagePlus imp = WindowManager.getCurrentImage();
        String what = imp == null || RoiManager.getInstance2() == null ? null : desk.results.undo(imp);
        desk.talk.say(what == null ? "There is nothing to take back." : what);
    }
}
