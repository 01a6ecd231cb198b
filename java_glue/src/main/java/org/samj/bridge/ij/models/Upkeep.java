package org.samj.bridge.ij.models;

import java.awt.BorderLayout;
import java.awt.EventQueue;
import java.awt.FlowLayout;
import java.awt.Window;
import java.awt.event.ActionEvent;
import java.util.function.BooleanSupplier;
import javax.swing.Action;
import javax.swing.AbstractAction;
import javax.swing.JButton;
import javax.swing.JComponent;
import javax.swing.JDialog;
import javax.swing.JPanel;
import javax.swing.JTextArea;
import javax.swing.KeyStroke;
import javax.swing.SwingUtilities;
import org.samj.bridge.ij.parts.Sizes;
import org.samj.bridge.ij.work.Desk;

/** Where everything that was set up lies, and two buttons: make it anew, take it away. On the event thread. */
public final class Upkeep extends JPanel {

    private final transient Desk desk;
    private final transient BooleanSupplier busy;
    private final transient Runnable removing;
    private final JTextArea place = Sizes.words(1);
    private final JButton repair = new JButton("Repair");
    private final JButton remove = new JButton("Remove...");
    private transient JDialog asked;

    /** Rows; `repairing` and `removing` are what the buttons do, `busy` whether something else is being done. */
    Upkeep(Desk desk, BooleanSupplier busy, Runnable repairing, Runnable removing) {
        super(new BorderLayout(0, Sizes.em(0.3)));
        this.desk = desk;
        this.busy = busy;
        this.removing = removing;
        place.setName("samj home");
        place.setFocusable(false);
        repair.setName("samj repair");
        repair.setToolTipText("Try out what was set up, and make anew what is broken; models and settings stay");
        repair.addActionListener(e -> desk.talk.guarded(repairing));
        remove.setName("samj remove");
        remove.setToolTipText("Take everything away that was set up, the models too; asks first");
        remove.addActionListener(e -> desk.talk.guarded(this::look));
        JPanel buttons = new JPanel(new FlowLayout(FlowLayout.RIGHT, Sizes.em(0.3), 0));
        buttons.add(repair);
        buttons.add(remove);
        add(place, BorderLayout.CENTER);
        add(buttons, BorderLayout.SOUTH);
        show("", false);
    }

    /** Show where it is, and what can be done; empty: there is nothing. */
    void show(String home, boolean removable) {
        place.setText(home.isEmpty() ? "" : "In " + home);
        repair.setEnabled(!home.isEmpty() && !busy.getAsBoolean());
        remove.setVisible(removable);
        remove.setEnabled(!busy.getAsBoolean());
    }

    /** Something is being done: it tells its end by {@link #show}. */
    void pause() {
        repair.setEnabled(false);
        remove.setEnabled(false);
    }

    /** Nothing is asked any more: the panel goes. */
    void close() {
        if (asked != null) {
            asked.dispose();
        }
    }

    /** Thousands of files are looked at before anybody can be told what goes. */
    private void look() {
        remove.setEnabled(false);
        desk.talk.say("Looking at what would be removed.");
        Thread thread = new Thread(() -> {
            try {
                String words = desk.segmenter.removalWords();
                EventQueue.invokeLater(() -> ask(words));
            } catch (RuntimeException | Error error) {
                desk.talk.fail(error);
            } finally {
                EventQueue.invokeLater(() -> remove.setEnabled(!busy.getAsBoolean()));
            }
        }, "SAMJ removal");
        thread.setDaemon(true);
        thread.start();
    }

    /** Ask in a window that blocks nothing; who only shuts it has said no. */
    private void ask(String words) {
        close();
        Window panel = SwingUtilities.getWindowAncestor(this);
        JDialog window = new JDialog(panel, "SAMJ: remove everything?");
        asked = window;
        window.setName("SAMJ removal");
        window.setDefaultCloseOperation(JDialog.DISPOSE_ON_CLOSE);
        JTextArea text = Sizes.words(0);
        text.setColumns(34);
        text.setName("samj removal");
        text.setText(words + "\n\nSet up brings SAMJ back; what was fetched is fetched again then.");
        text.setBorder(Sizes.space(0.8, 0.9, 0.4));
        // As wide as that, and so high as the words need then.
        text.setSize(Sizes.em(32), Short.MAX_VALUE);
        text.setPreferredSize(new java.awt.Dimension(Sizes.em(32), text.getPreferredSize().height));
        JButton yes = new JButton("Remove");
        yes.setToolTipText("Take all of this away now");
        yes.addActionListener(e -> {
            window.dispose();
            desk.talk.guarded(removing);
        });
        JButton no = new JButton("Keep it");
        no.setToolTipText("Leave everything as it is");
        no.addActionListener(e -> window.dispose());
        Action shut = new AbstractAction() {
            @Override
            public void actionPerformed(ActionEvent e) {
                window.dispose();
            }
        };
        window.getRootPane().getInputMap(JComponent.WHEN_IN_FOCUSED_WINDOW).put(KeyStroke.getKeyStroke("ESCAPE"), "shut");
        window.getRootPane().getActionMap().put("shut", shut);
        JPanel buttons = new JPanel(new FlowLayout(FlowLayout.RIGHT, Sizes.em(0.5), Sizes.em(0.5)));
        buttons.add(yes);
        buttons.add(no);
        window.add(text, BorderLayout.CENTER);
        window.add(buttons, BorderLayout.SOUTH);
        // What is harmless is what Enter does.
        window.getRootPane().setDefaultButton(no);
        Sizes.scale(window.getContentPane());
        window.pack();
        window.setLocationRelativeTo(panel);
        window.setVisible(true);
        desk.talk.say("Nothing is removed before you say so.");
    }
}
