package org.samj.bridge.ij.panel;

import java.awt.Component;
import java.awt.Dimension;
import java.awt.Rectangle;
import java.awt.Window;
import java.io.IOException;
import javax.swing.JEditorPane;
import javax.swing.JFrame;
import javax.swing.JScrollPane;
import javax.swing.SwingUtilities;
import org.samj.bridge.ij.parts.Sizes;
import org.samj.bridge.ij.work.Log;

/** The guide, in a window of its own: it is part of the jar, so that it opens without a network. */
final class Guide {

    private Guide() {
    }

    static void show(Component part) {
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
        Window beside = SwingUtilities.getWindowAncestor(part);
        Rectangle screen = beside.getGraphicsConfiguration().getBounds();
        window.setSize(new Dimension(Math.min(Sizes.em(46), screen.width), Math.min(Sizes.em(52), screen.height - 80)));
        boolean fits = beside.getX() + beside.getWidth() + window.getWidth() <= screen.x + screen.width;
        window.setLocation(fits ? beside.getX() + beside.getWidth() : Math.max(screen.x,
            beside.getX() - window.getWidth()), Math.max(screen.y, Math.min(beside.getY(),
            screen.y + screen.height - window.getHeight() - 40)));
        window.setVisible(true);
    }
}
