package org.samj.bridge.ij.panel;

import java.awt.BorderLayout;
import java.awt.EventQueue;
import java.awt.GridLayout;
import java.awt.event.ActionListener;
import java.awt.event.FocusAdapter;
import java.awt.event.FocusEvent;
import javax.swing.BoxLayout;
import javax.swing.JCheckBox;
import javax.swing.JComboBox;
import javax.swing.JComponent;
import javax.swing.JLabel;
import javax.swing.JPanel;
import javax.swing.JSpinner;
import javax.swing.JTextField;
import javax.swing.SpinnerNumberModel;
import javax.swing.event.PopupMenuEvent;
import javax.swing.event.PopupMenuListener;
import org.samj.bridge.Options;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.ij.parts.Sizes;
import org.samj.bridge.ij.results.Choices;
import org.samj.bridge.ij.results.Classes;
import org.samj.bridge.ij.results.Colours;
import org.samj.bridge.ij.results.Doubt;
import org.samj.bridge.ij.work.Talk;

/** The part of the panel that says what is kept of each object, and how it is called and coloured. */
final class OptionRows extends JPanel {

    private final transient Talk talk;
    private final JSpinner candidates = new JSpinner(new SpinnerNumberModel(3, 1, 3, 1));
    private final JSpinner minArea = new JSpinner(new SpinnerNumberModel(0, 0, 1_000_000, 10));
    private final JSpinner simplify = new JSpinner(new SpinnerNumberModel(0.0, 0.0, 20.0, 0.5));
    private final JTextField pattern = new JTextField(8);
    private final JComboBox<String> className = new JComboBox<>();
    private final JComboBox<String> colour = new JComboBox<>();
    private final JCheckBox fillHoles = new JCheckBox("Fill holes");
    private final JCheckBox largestOnly = new JCheckBox("Largest part only");
    private final JCheckBox addAtOnce = new JCheckBox("Add automatically");
    private final JCheckBox preview = new JCheckBox("Preview");
    private final JCheckBox doubtful = new JCheckBox("Dash doubtful ones");
    private boolean filling;

    OptionRows(Talk talk) {
        this.talk = talk;
        setLayout(new BoxLayout(this, BoxLayout.Y_AXIS));
        JPanel fields = new JPanel(new GridLayout(0, 2, Sizes.em(0.7), Sizes.em(0.3)));
        put(fields, "Class", 'C', className, "Class of the next objects: type a name, or choose one of ImageJ's ROI"
            + " groups");
        put(fields, "Colour", 'R', colour, "Outlines of the next objects: each its own colour, its class's, or one for"
            + " all");
        put(fields, "Names", 'N', pattern, "#### is the number; {image} and {model} stand for their names");
        put(fields, "Candidates", 'D', candidates, "How many outlines are found for a prompt: 1, 2, 3 or the wheel choose"
            + " among them");
        put(fields, "Minimum (px)", 'I', minArea, "Parts with fewer pixels are dropped");
        put(fields, "Simplify (px)", 'F', simplify, "Outlines may be so many pixels beside the exact ones; 0: exact");
        add(fields);
        JPanel boxes = new JPanel(new GridLayout(0, 2, Sizes.em(0.7), 0));
        put(boxes, fillHoles, 'O', "Holes in objects are filled");
        put(boxes, largestOnly, 'T', "An object has one part: its largest");
        put(boxes, addAtOnce, 'U', "A click on the next object keeps the one before it");
        put(boxes, preview, 'V', "Show what a click would give while the mouse moves (SAMJ tool, encoded images)");
        put(boxes, doubtful, 'W', "Outlines that the model is unsure of are dashed, the worst dotted: by their score");
        boxes.setBorder(Sizes.space(0.3, 0, 0.3));
        add(boxes);
        className.setName("samj class");
        className.setEditable(true);
        colour.setName("samj colour");
        Colours.names().forEach(colour::addItem);
        fill(Choices.get());
        listen();
    }

    /** A field under its name, which Alt and a letter lead to. */
    private static void put(JPanel fields, String name, char mnemonic, JComponent field, String tip) {
        JPanel both = new JPanel(new BorderLayout(Sizes.em(0.4), 0));
        JLabel label = new JLabel(name);
        label.setDisplayedMnemonic(mnemonic);
        label.setLabelFor(field);
        label.setToolTipText(tip);
        field.setToolTipText(tip);
        field.getAccessibleContext().setAccessibleName(name);
        both.add(label, BorderLayout.WEST);
        both.add(field, BorderLayout.CENTER);
        fields.add(both);
    }

    private static void put(JPanel boxes, JCheckBox box, char mnemonic, String tip) {
        box.setMnemonic(mnemonic);
        box.setToolTipText(tip);
        boxes.add(box);
    }

    private void fill(Choices choices) {
        filling = true;
        candidates.setValue(choices.options.candidates);
        minArea.setValue(choices.options.minArea);
        simplify.setValue(choices.simplify);
        pattern.setText(choices.pattern);
        className.setSelectedItem(choices.className);
        colour.setSelectedItem(choices.colour);
        fillHoles.setSelected(choices.options.fillHoles);
        largestOnly.setSelected(choices.options.largestOnly);
        addAtOnce.setSelected(choices.addAtOnce);
        preview.setSelected(choices.preview);
        doubtful.setSelected(Doubt.isShown());
        filling = false;
    }

    private void listen() {
        ActionListener changed = e -> read();
        doubtful.addActionListener(e -> talk.guarded(() -> Doubt.show(doubtful.isSelected())));
        for (JCheckBox box : new JCheckBox[] {fillHoles, largestOnly, addAtOnce, preview}) {
            box.addActionListener(changed);
        }
        for (JSpinner spinner : new JSpinner[] {candidates, minArea, simplify}) {
            spinner.addChangeListener(e -> read());
        }
        pattern.addActionListener(changed);
        className.addActionListener(changed);
        colour.addActionListener(changed);
        FocusAdapter left = new FocusAdapter() {
            @Override
            public void focusLost(FocusEvent e) {
                read();
            }
        };
        pattern.addFocusListener(left);
        // A name that was typed counts as soon as the image is clicked on: nobody has to press Enter first.
        className.getEditor().getEditorComponent().addFocusListener(left);
        className.addPopupMenuListener(new PopupMenuListener() {
            @Override
            public void popupMenuWillBecomeVisible(PopupMenuEvent e) {
                listClasses();
            }

            @Override
            public void popupMenuWillBecomeInvisible(PopupMenuEvent e) {
                // Nothing to do: the action listener hears of a choice.
            }

            @Override
            public void popupMenuCanceled(PopupMenuEvent e) {
                // Nothing was chosen.
            }
        });
    }

    /** The names of ImageJ's groups may have been changed anywhere in ImageJ since the list was last open. */
    private void listClasses() {
        filling = true;
        Object typed = className.getEditor().getItem();
        className.removeAllItems();
        className.addItem("");
        Classes.names().forEach(className::addItem);
        className.setSelectedItem(typed);
        filling = false;
    }

    private void read() {
        if (filling) {
            return;
        }
        String names = pattern.getText().trim();
        Object typed = className.getEditor().getItem();
        String classed = Classes.clean(typed == null ? "" : typed.toString());
        Choices old = Choices.get();
        try {
            Classes.declare(classed);
        } catch (SegmenterException error) {
            classed = old.className;
            EventQueue.invokeLater(() -> className.setSelectedItem(old.className));
            talk.fail(error);
        }
        Options options = new Options((Integer) candidates.getValue(), (Integer) minArea.getValue(),
            fillHoles.isSelected(), largestOnly.isSelected());
        Choices.set(new Choices(old.model, old.live, options, addAtOnce.isSelected(), (Double) simplify.getValue(),
            names.isEmpty() ? Choices.DEFAULT_PATTERN : names, (String) colour.getSelectedItem(), classed,
            preview.isSelected()));
    }
}
