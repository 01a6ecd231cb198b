package org.samj.bridge.ij.panel;

import ij.Prefs;
import ij.WindowManager;
import java.awt.BorderLayout;
import java.awt.GridLayout;
import javax.swing.BorderFactory;
import javax.swing.JButton;
import javax.swing.JLabel;
import javax.swing.JPanel;
import javax.swing.UIManager;
import org.samj.bridge.ij.parts.Icons;
import org.samj.bridge.ij.parts.Sizes;
import org.samj.bridge.ij.results.Results;
import org.samj.bridge.ij.work.Gestures;

/** The first three steps, for who is here for the first time: each is ticked off when done; then it goes for good. */
final class Hint extends JPanel {

    private static final String KEY = "samj.hint";
    private static final String DONE = "done";

    private final transient Gestures gestures;
    private final transient Results results;
    private final transient Runnable turned;
    private final JLabel[] steps = {
        new JLabel("1  Open an image"),
        new JLabel("2  Click on an object in it"),
        new JLabel("3  Press Enter to keep it"),
    };
    private int done;

    /** Three steps; `turned` is called when they come or go. */
    Hint(Gestures gestures, Results results, Runnable turned) {
        super(new BorderLayout());
        this.gestures = gestures;
        this.results = results;
        this.turned = turned;
        setName("samj hint");
        JPanel list = new JPanel(new GridLayout(0, 1, 0, Sizes.em(0.15)));
        list.setOpaque(false);
        for (JLabel step : steps) {
            step.setFont(step.getFont().deriveFont(java.awt.Font.PLAIN));
            step.setIconTextGap(Sizes.em(0.4));
            list.add(step);
        }
        JButton hide = new JButton("Hide");
        hide.setName("samj hide hint");
        hide.setToolTipText("Don't show these steps again; Help has more");
        hide.addActionListener(e -> leave());
        JPanel corner = new JPanel(new BorderLayout());
        corner.setOpaque(false);
        corner.add(hide, BorderLayout.NORTH);
        add(list, BorderLayout.CENTER);
        add(corner, BorderLayout.EAST);
        setBorder(BorderFactory.createCompoundBorder(
            BorderFactory.createLineBorder(UIManager.getColor("Label.disabledForeground")), Sizes.space(0.4, 0.6, 0.4)));
        setVisible(false);
        tick();
    }

    /** See which steps are done; shown only where nothing has to be done before: one thing at a time. */
    void look(boolean ready) {
        boolean wanted = ready && !DONE.equals(Prefs.get(KEY, ""));
        if (wanted != isVisible()) {
            setVisible(wanted);
            turned.run();
        }
        if (!wanted) {
            return;
        }
        ij.ImagePlus imp = WindowManager.getCurrentImage();
        boolean kept = results.newestDone() != Long.MIN_VALUE;
        int now = kept ? 3 : imp == null ? 0 : gestures.state(imp) == Gestures.State.FREE ? 1 : 2;
        if (now == 3) {
            leave();
        } else if (now != done) {
            done = now;
            tick();
        }
    }

    private void tick() {
        for (int i = 0; i < steps.length; i++) {
            steps[i].setEnabled(i >= done);
            steps[i].setIcon(i < done ? Icons.ACCEPT : i == done ? Icons.FOLDED : Icons.NONE);
            // Swing makes grey ones of pictures only.
            steps[i].setDisabledIcon(steps[i].getIcon());
        }
    }

    private void leave() {
        Prefs.set(KEY, DONE);
        setVisible(false);
        turned.run();
    }
}
