package org.samj.bridge.ij.panel;

import java.awt.Dimension;
import java.io.IOException;
import javax.swing.JEditorPane;
import javax.swing.JFrame;
import javax.swing.JScrollPane;
import org.samj.bridge.ij.work.Log;

/** The guide, in a window of its own: it is part of the jar, so that it opens without a network. */
final class Guide {

    private Guide() {
    }

    static void show(JFrame beside) {
        JEditorPane page = new JEditorPane();
        page.setEditable(false);
        try {
            page.setPage(Guide.class.getResource("guide.html"));
        } catch (IOException error) {
            Log.add(error);
            page.setText("The guide could not be read: " + error.getMessage());
        }
        JFrame window = new JFrame("SAMJ: guide");
        window.setName("SAMJ guide");
        window.add(new JScrollPane(page));
        window.setSize(new Dimension(560, 640));
        window.setLocation(beside.getX() + beside.getWidth() + 8, beside.getY());
        window.setVisible(true);
    }
}
