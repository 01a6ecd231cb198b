package org.samj.bridge.ij.panel;

import ij.IJ;
import ij.ImagePlus;
import ij.WindowManager;
import java.awt.BorderLayout;
import java.awt.Font;
import javax.swing.Icon;
import javax.swing.JButton;
import javax.swing.JPanel;
import javax.swing.JTextArea;
import org.samj.bridge.ij.models.ModelRows;
import org.samj.bridge.ij.parts.Icons;
import org.samj.bridge.ij.parts.Sizes;
import org.samj.bridge.ij.work.Desk;
import org.samj.bridge.ij.work.Gestures;

/** What to do next: one thing, with a large button. On the event thread. */
final class First extends JPanel {

    static final String CLICK = "Click on an object";

    private final transient ModelRows model;
    private final transient Gestures gestures;
    private final JButton button = new JButton(CLICK);
    private final JTextArea words = Sizes.words(2);
    private transient Runnable action = () -> { };

    First(Desk desk, ModelRows model, Gestures gestures) {
        super(new BorderLayout(0, Sizes.em(0.3)));
        this.model = model;
        this.gestures = gestures;
        button.setName("samj ready");
        words.setName("samj next");
        words.setFocusable(false);
        button.setIconTextGap(Sizes.em(0.6));
        button.setFont(button.getFont().deriveFont(Font.BOLD, button.getFont().getSize2D() * 1.15f));
        button.setMargin(new java.awt.Insets(Sizes.em(0.4), 0, Sizes.em(0.4), 0));
        button.addActionListener(e -> desk.talk.guarded(action));
        add(button, BorderLayout.NORTH);
        add(words, BorderLayout.CENTER);
        model.listen(this::look);
    }

    /** See what is next now. */
    void look() {
        ImagePlus imp = WindowManager.getCurrentImage();
        String missing = model.missing();
        if (!missing.isEmpty()) {
            show(missing, Icons.FETCH, model::provide, model.missingWords(), "Do this first: the model needs it");
        } else if (imp == null) {
            show("Open an image...", Icons.OPEN, () -> IJ.doCommand("Open..."), "Then click on an object in it.",
                "Open an image; any that ImageJ shows will do");
        } else if (!gestures.isToolTaken()) {
            show(CLICK, Icons.POINT, () -> take(imp), "Press here for the SAMJ tool. Then click on an object in "
                + imp.getTitle() + ", or drag a box around it.", "Take the SAMJ tool");
        } else if (gestures.state(imp) == Gestures.State.SHOWN) {
            show("Keep it", Icons.ACCEPT, gestures::accept, "Enter keeps it, Esc drops it. Shift-click: this too; "
                + "Alt-click: not this; 1, 2, 3: other outlines.", "Put the object that is shown into the ROI Manager");
        } else if (gestures.state(imp) == Gestures.State.ASKED) {
            show(CLICK, Icons.POINT, () -> take(imp), "Looking for it...", "Take the SAMJ tool");
        } else {
            show(CLICK, Icons.POINT, () -> take(imp), "Click on an object in " + imp.getTitle()
                + ", or drag a box around it.", "The SAMJ tool is taken: click on an object in the image");
        }
        button.setEnabled(missing.isEmpty() || !model.isBusy());
    }

    private void take(ImagePlus imp) {
        gestures.takeTool();
        if (imp.getWindow() != null) {
            imp.getWindow().toFront();
            imp.getCanvas().requestFocus();
        }
        look();
    }

    private void show(String text, Icon icon, Runnable next, String more, String tip) {
        action = next;
        if (!text.equals(button.getText())) {
            button.setText(text);
            button.setMnemonic(text.charAt(0));
        }
        if (button.getIcon() != icon) {
            button.setIcon(icon);
        }
        button.setToolTipText(tip);
        if (!more.equals(words.getText())) {
            words.setText(more);
        }
    }
}
