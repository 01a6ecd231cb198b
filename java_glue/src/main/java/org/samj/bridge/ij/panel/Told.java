package org.samj.bridge.ij.panel;

import java.awt.BorderLayout;
import java.awt.EventQueue;
import javax.swing.BorderFactory;
import javax.swing.BoxLayout;
import javax.swing.JButton;
import javax.swing.JComponent;
import javax.swing.JPanel;
import javax.swing.JScrollPane;
import javax.swing.JTextArea;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.ij.parts.Fold;
import org.samj.bridge.ij.parts.Icons;
import org.samj.bridge.ij.parts.Sizes;
import org.samj.bridge.ij.work.Log;
import org.samj.bridge.ij.work.Talk;

/** What happened in words; after an error one button that mends it; the log, folded away. On the event thread. */
final class Told extends JPanel {

    private final JTextArea message = new JTextArea(3, 24);
    private final JTextArea log = new JTextArea(7, 24);
    private final JButton mend = new JButton();
    private transient Runnable way = () -> { };

    /**
     * Shows what is told from now on.
     *
     * @param turned called after a part was shown or hidden
     * @param heard called after something was told
     */
    Told(Talk talk, Mending mending, Runnable turned, Runnable heard) {
        setLayout(new BoxLayout(this, BoxLayout.Y_AXIS));
        message.setName("samj message");
        log.setName("samj log");
        mend.setName("samj mend");
        mend.setIcon(Icons.WARNING);
        mend.setVisible(false);
        mend.addActionListener(e -> talk.guarded(() -> {
            Runnable taken = way;
            clear();
            taken.run();
        }));
        message.setToolTipText("What happened last");
        JPanel told = new JPanel(new BorderLayout(0, Sizes.em(0.3)));
        told.add(readOnly(message), BorderLayout.CENTER);
        told.add(mend, BorderLayout.SOUTH);
        add(told);
        add(new Fold("Log", 'G', readOnly(log), turned));
        talk.tellTo(text -> {
            clear();
            message.setText(text);
            message.setCaretPosition(0);
            heard.run();
        });
        talk.tellErrorsTo(error -> {
            Mending.Way found = mending.of(error);
            if (found != null) {
                way = found.action;
                mend.setText(found.label);
                mend.setToolTipText(found.tip);
                mend.setVisible(true);
                turned.run();
            }
        });
        Log.read(line -> EventQueue.invokeLater(() -> log.append(line + "\n")));
        log.setText(Log.all().isEmpty() ? "" : Log.all() + "\n");
    }

    /** What is told next is something else: the way out of the last error is none any more. */
    private void clear() {
        way = () -> { };
        mend.setVisible(false);
    }

    private static JComponent readOnly(JTextArea area) {
        area.setEditable(false);
        area.setLineWrap(true);
        area.setWrapStyleWord(true);
        JScrollPane scroll = new JScrollPane(area);
        scroll.setBorder(BorderFactory.createEtchedBorder());
        return scroll;
    }

    /** All that a person who is asked for help wants to see. */
    static String report(SegmenterException error) {
        return "samj-bridge in ImageJ " + ij.IJ.getVersion() + ", Java " + System.getProperty("java.version") + ", "
            + System.getProperty("os.name") + "\n" + error.code() + ": " + error.sentence() + "\n\n" + Log.all() + "\n";
    }
}
