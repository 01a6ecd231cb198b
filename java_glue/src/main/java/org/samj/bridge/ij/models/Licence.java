package org.samj.bridge.ij.models;

import ij.Prefs;
import ij.plugin.BrowserLauncher;
import java.awt.BorderLayout;
import java.awt.Dimension;
import java.awt.FlowLayout;
import java.awt.Window;
import java.io.IOException;
import javax.swing.BorderFactory;
import javax.swing.JButton;
import javax.swing.JDialog;
import javax.swing.JEditorPane;
import javax.swing.JPanel;
import javax.swing.JScrollPane;
import javax.swing.event.HyperlinkEvent;
import org.samj.bridge.ModelInfo;
import org.samj.bridge.ij.work.Log;

/**
 * What a person has to know, or do, before a model is installed: a licence to agree to, a file to get by hand. A window
 * of the panel's that blocks nothing: who wants to read first goes on drawing.
 */
final class Licence extends JDialog {

    private Licence(Window owner, ModelInfo model, Runnable agreed) {
        super(owner, "SAMJ: " + model.title, ModalityType.MODELESS);
        setName("SAMJ licence");
        setDefaultCloseOperation(DISPOSE_ON_CLOSE);
        JEditorPane text = new JEditorPane("text/html", words(model));
        text.setName("samj licence");
        text.setEditable(false);
        text.addHyperlinkListener(e -> {
            if (e.getEventType() == HyperlinkEvent.EventType.ACTIVATED) {
                open(e.getURL().toString());
            }
        });
        boolean asks = isToBeAsked(model);
        boolean byHand = !model.byHand.isEmpty();
        JButton yes = new JButton(!byHand ? "Accept and install" : asks ? "Accept, look for the file"
            : "Look for the file");
        yes.addActionListener(e -> {
            if (asks) {
                Prefs.set(key(model), model.licence);
            }
            dispose();
            agreed.run();
        });
        JButton no = new JButton("Not now");
        no.addActionListener(e -> dispose());
        JPanel buttons = new JPanel(new FlowLayout(FlowLayout.RIGHT));
        buttons.add(yes);
        buttons.add(no);
        JScrollPane scroll = new JScrollPane(text);
        scroll.setBorder(BorderFactory.createEmptyBorder());
        scroll.setPreferredSize(new Dimension(460, byHand ? 260 : 190));
        add(scroll, BorderLayout.CENTER);
        add(buttons, BorderLayout.SOUTH);
        text.setCaretPosition(0);
        pack();
        setLocationRelativeTo(owner);
    }

    /** Whether a person has to see something before this model is installed. */
    static boolean isNeeded(ModelInfo model) {
        return isToBeAsked(model) || !model.byHand.isEmpty();
    }

    /** Whether its licence was agreed to: once is enough, until it is another one. */
    static boolean isAccepted(ModelInfo model) {
        return model.licence.equals(Prefs.get(key(model), ""));
    }

    /** Show it; `agreed` runs on the event thread when the user says yes. */
    static Licence show(Window owner, ModelInfo model, Runnable agreed) {
        Licence window = new Licence(owner, model, agreed);
        window.setVisible(true);
        return window;
    }

    private static boolean isToBeAsked(ModelInfo model) {
        return model.licenceAsks && !isAccepted(model);
    }

    private static String key(ModelInfo model) {
        return "samj.accepted." + model.id;
    }

    private static String words(ModelInfo model) {
        StringBuilder text = new StringBuilder("<html><body style='font-family: sans-serif; margin: 8px'><b>")
            .append(escape(model.title)).append("</b>");
        if (!model.byHand.isEmpty()) {
            text.append("<p>").append(escape(model.byHand)).append("</p>");
        }
        if (isToBeAsked(model)) {
            text.append("<p>Licence of its weights: <b>").append(escape(model.licence)).append("</b></p>");
            if (!model.homepage.isEmpty()) {
                text.append("<p>Read it where the model comes from: <a href='").append(escape(model.homepage))
                    .append("'>").append(escape(model.homepage)).append("</a></p>");
            }
            text.append("<p>SAMJ can't tell whether you may use it as you want to. By accepting you say that you "
                + "may. You are not asked again.</p>");
        } else if (!model.homepage.isEmpty()) {
            text.append("<p>Its page: <a href='").append(escape(model.homepage)).append("'>")
                .append(escape(model.homepage)).append("</a></p>");
        }
        return text.append("</body></html>").toString();
    }

    static String escape(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("'", "&#39;");
    }

    private static void open(String address) {
        try {
            BrowserLauncher.openURL(address);
        } catch (IOException error) {
            Log.add("No browser could be opened for " + address + ": " + error.getMessage());
        }
    }
}
