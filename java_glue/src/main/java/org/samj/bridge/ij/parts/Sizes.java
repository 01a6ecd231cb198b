package org.samj.bridge.ij.parts;

import ij.Prefs;
import java.awt.Component;
import java.awt.Container;
import java.awt.Font;
import java.awt.GridLayout;
import javax.swing.JComponent;
import javax.swing.JPanel;
import javax.swing.JTextArea;
import javax.swing.UIManager;
import javax.swing.border.Border;
import javax.swing.BorderFactory;

/** Sizes that follow the font, which itself follows the screen: nothing is a fixed number of pixels. */
public final class Sizes {

    private Sizes() {
    }

    /** Height of the letters, in pixels of Swing's; ImageJ's own scale (Edit &gt; Options &gt; Appearance) counts. */
    public static float em() {
        Font font = UIManager.getFont("Label.font");
        return (font == null ? 12f : font.getSize2D()) * (float) Prefs.getGuiScale();
    }

    /** So many letters' heights, in pixels. */
    public static int em(double times) {
        return (int) Math.round(em() * times);
    }

    /** Empty space around. */
    public static Border space(double top, double side, double bottom) {
        return BorderFactory.createEmptyBorder(em(top), em(side), em(bottom), em(side));
    }

    /** The same scale for every text within: Java scales for the screen, ImageJ for the user. */
    public static void scale(Container within) {
        float scale = (float) Prefs.getGuiScale();
        if (scale == 1f) {
            return;
        }
        for (Component part : within.getComponents()) {
            Font font = part.getFont();
            if (font != null) {
                part.setFont(font.deriveFont(font.getSize2D() * scale));
            }
            if (part instanceof Container) {
                scale((Container) part);
            }
        }
    }

    /** Components side by side, all as wide. */
    public static JPanel row(JComponent... parts) {
        JPanel row = new JPanel(new GridLayout(1, parts.length, em(0.5), 0));
        for (JComponent part : parts) {
            row.add(part);
        }
        return row;
    }

    /** Words that break into lines where the window is too narrow, and look like a label. */
    public static JTextArea words(int rows) {
        JTextArea words = new JTextArea(rows, 10) {
            @Override
            public void updateUI() {
                super.updateUI();
                Font font = UIManager.getFont("Label.font");
                setFont((font == null ? getFont() : font).deriveFont(Font.PLAIN));
                setForeground(UIManager.getColor("Label.foreground"));
            }
        };
        words.setEditable(false);
        words.setLineWrap(true);
        words.setWrapStyleWord(true);
        words.setOpaque(false);
        words.setBorder(BorderFactory.createEmptyBorder());
        return words;
    }
}
