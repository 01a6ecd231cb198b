package org.samj.bridge.ij.models;

import java.awt.Color;
import java.awt.Component;
import javax.swing.DefaultListCellRenderer;
import javax.swing.JList;
import org.samj.bridge.ModelInfo;

/** What the panel says of a model. */
final class ModelWords {

    private ModelWords() {
    }

    /** Whether it is here, and how much of it; empty: it is. */
    static String state(ModelInfo model) {
        if (model.installed) {
            return "";
        }
        if (model.fetchedBytes > 0) {
            return megabytes(model.fetchedBytes) + (model.sizeBytes > 0 ? " of " + megabytes(model.sizeBytes) : "")
                + " are here already.";
        }
        return model.byHand.isEmpty() ? "It is fetched once; nothing of yours leaves this machine."
            : "Its file has to be got by hand.";
    }

    /** What it is good for, as a sentence. */
    static String goodFor(ModelInfo model) {
        return model.goodFor.isEmpty() ? model.title + "." : "Good for " + model.goodFor + ".";
    }

    /** The same in a line: there is no room for what stands in brackets or after a semicolon. */
    static String inOneLine(ModelInfo model) {
        String line = model.goodFor.replaceAll(" *\\([^)]*\\)", "").replaceAll(";.*", "");
        return line.isEmpty() ? " " : Character.toUpperCase(line.charAt(0)) + line.substring(1);
    }

    /** What the button does with one that is not here. */
    static String label(ModelInfo model) {
        if (!model.byHand.isEmpty()) {
            return "How to get it...";
        }
        String size = model.sizeBytes > 0 ? megabytes(model.sizeBytes) : "size unknown";
        return (model.fetchedBytes > 0 ? "Go on installing (" : "Install (") + size + ", " + licence(model) + ")";
    }

    /** A licence in as many words as a button has room for. */
    private static String licence(ModelInfo model) {
        if (model.licence.contains("non-commercial")) {
            return "non-commercial";
        }
        if (model.licence.startsWith("unknown")) {
            return "licence unknown";
        }
        return model.licence.length() > 24 ? model.licence.substring(0, 22) + "..." : model.licence;
    }

    private static String megabytes(long bytes) {
        return bytes < 10_000_000 ? String.format("%.1f MB", bytes / 1e6) : String.format("%.0f MB", bytes / 1e6);
    }

    /** Each model with its state: what is not here yet is grey, and says how big it is. */
    static final class Renderer extends DefaultListCellRenderer {
        @Override
        public Component getListCellRendererComponent(JList<?> list, Object value, int index, boolean selected,
                boolean focused) {
            super.getListCellRendererComponent(list, value, index, selected, focused);
            if (value instanceof ModelInfo) {
                ModelInfo model = (ModelInfo) value;
                String size = !model.byHand.isEmpty() ? "by hand"
                    : model.sizeBytes > 0 ? megabytes(model.sizeBytes) : "not installed";
                setText(model.title + (model.installed ? "" : " (" + size + ")"));
                if (!model.installed && !selected) {
                    setForeground(Color.GRAY);
                }
            }
            return this;
        }
    }
}
