package org.samj.bridge.ij.parts;

import ij.Prefs;
import java.awt.BorderLayout;
import javax.swing.JComponent;
import javax.swing.JPanel;
import javax.swing.JToggleButton;
import javax.swing.SwingConstants;

/** A section under a heading that shows and hides it. Whether it was open is remembered. */
public final class Fold extends JPanel {

    private final JToggleButton heading = new JToggleButton();
    private final JComponent content;
    private final String key;
    private final transient Runnable turned;
    private final String title;

    /**
     * A section.
     *
     * @param title what the heading says, and what its opening is remembered by
     * @param mnemonic the letter that turns it with Alt
     * @param content what is shown and hidden
     * @param turned called after it was
     */
    public Fold(String title, char mnemonic, JComponent content, Runnable turned) {
        super(new BorderLayout());
        this.content = content;
        this.key = "samj.open." + title.toLowerCase(java.util.Locale.ROOT);
        this.title = title;
        this.turned = turned;
        heading.setText(title);
        heading.setName("samj fold " + title);
        heading.setMnemonic(mnemonic);
        heading.setHorizontalAlignment(SwingConstants.LEFT);
        heading.setContentAreaFilled(false);
        heading.setBorder(Sizes.space(0.3, 0, 0.3));
        heading.setSelected(Prefs.get(key, false));
        heading.addActionListener(e -> {
            Prefs.set(key, heading.isSelected());
            turn(heading.isSelected());
        });
        add(heading, BorderLayout.NORTH);
        add(content, BorderLayout.CENTER);
        dress(heading.isSelected());
    }

    /** Say more in the heading, such as how many there are. */
    public void say(String more) {
        heading.setText(more.isEmpty() ? title : title + " " + more);
    }

    /** Open it without remembering that, because there is something to see now. */
    public void open() {
        if (!heading.isSelected()) {
            heading.setSelected(true);
            turn(true);
        }
    }

    /** Whether the user has ever opened or shut it herself. */
    public boolean isDecided() {
        return !Prefs.get(key, "").isEmpty();
    }

    private void turn(boolean open) {
        dress(open);
        turned.run();
    }

    private void dress(boolean open) {
        content.setVisible(open);
        heading.setIcon(open ? Icons.UNFOLDED : Icons.FOLDED);
        heading.setToolTipText((open ? "Hide: " : "Show: ") + title.toLowerCase(java.util.Locale.ROOT));
    }
}
