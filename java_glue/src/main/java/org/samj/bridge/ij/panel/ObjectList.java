package org.samj.bridge.ij.panel;

import ij.ImagePlus;
import ij.WindowManager;
import ij.gui.Roi;
import ij.plugin.frame.RoiManager;
import java.awt.BorderLayout;
import java.awt.Dimension;
import java.awt.event.ActionEvent;
import java.awt.event.KeyEvent;
import java.util.Arrays;
import javax.swing.AbstractAction;
import javax.swing.JPanel;
import javax.swing.JScrollPane;
import javax.swing.JTable;
import javax.swing.KeyStroke;
import javax.swing.table.DefaultTableCellRenderer;
import javax.swing.table.TableColumnModel;
import org.samj.bridge.ij.parts.Sizes;
import org.samj.bridge.ij.results.Listing;
import org.samj.bridge.ij.results.Results;
import org.samj.bridge.ij.work.Desk;

/**
 * The objects of the ROI Manager with what it does not show: class, score, size. A click on a heading sorts, so that
 * the doubtful ones stand together; a row that is chosen is shown on the image. On the event thread.
 */
final class ObjectList extends JPanel {

    private final transient Desk desk;
    private final transient Listing listing = new Listing();
    private final JTable table = new JTable(listing);
    private boolean filling;

    ObjectList(Desk desk) {
        super(new BorderLayout());
        this.desk = desk;
        table.setName("samj objects");
        table.getAccessibleContext().setAccessibleName("Objects");
        table.setAutoCreateRowSorter(true);
        table.setFillsViewportHeight(true);
        table.setShowGrid(false);
        table.setRowHeight(Sizes.em(1.6));
        table.setToolTipText("Choose one to see it on the image; click on a heading to sort; Delete takes it out");
        table.setPreferredScrollableViewportSize(new Dimension(Sizes.em(20), table.getRowHeight() * 6));
        TableColumnModel columns = table.getColumnModel();
        double[] widths = {1.8, 8, 6, 4, 5};
        for (int i = 0; i < widths.length; i++) {
            columns.getColumn(i).setPreferredWidth(Sizes.em(widths[i]));
        }
        columns.getColumn(0).setMaxWidth(Sizes.em(1.8));
        columns.getColumn(0).setCellRenderer(new Swatch());
        columns.getColumn(3).setCellRenderer(new Score());
        table.getSelectionModel().addListSelectionListener(e -> {
            if (!filling && !e.getValueIsAdjusting()) {
                desk.talk.guarded(this::showChosen);
            }
        });
        table.getInputMap(WHEN_ANCESTOR_OF_FOCUSED_COMPONENT).put(KeyStroke.getKeyStroke(KeyEvent.VK_DELETE, 0), "out");
        table.getActionMap().put("out", new AbstractAction() {
            @Override
            public void actionPerformed(ActionEvent e) {
                desk.talk.guarded(() -> takeOut());
            }
        });
        // Tab leads on to the next control, not from cell to cell: nothing is typed here.
        table.setFocusTraversalKeys(java.awt.KeyboardFocusManager.FORWARD_TRAVERSAL_KEYS, null);
        table.getInputMap(WHEN_ANCESTOR_OF_FOCUSED_COMPONENT).put(KeyStroke.getKeyStroke(KeyEvent.VK_TAB, 0), "next");
        table.getInputMap(WHEN_ANCESTOR_OF_FOCUSED_COMPONENT).put(
            KeyStroke.getKeyStroke(KeyEvent.VK_TAB, KeyEvent.SHIFT_DOWN_MASK), "previous");
        table.getActionMap().put("next", new Leave(false));
        table.getActionMap().put("previous", new Leave(true));
        add(new JScrollPane(table), BorderLayout.CENTER);
    }

    /** See what the ROI Manager holds now. Returns how many. */
    int look() {
        Roi[] now = Results.managed();
        if (listing.isOf(now)) {
            if (table.isShowing()) {
                // Names, classes and colours may have been changed in the ROI Manager.
                table.repaint();
            }
        } else {
            filling = true;
            listing.fill(now);
            filling = false;
        }
        return now.length;
    }

    private int[] chosen() {
        return Arrays.stream(table.getSelectedRows()).map(table::convertRowIndexToModel).sorted().toArray();
    }

    private void showChosen() {
        RoiManager manager = RoiManager.getInstance2();
        ImagePlus imp = WindowManager.getCurrentImage();
        int[] rows = chosen();
        if (manager == null || imp == null || rows.length == 0 || !listing.isOf(Results.managed())) {
            return;
        }
        if (rows.length == 1) {
            manager.select(imp, rows[0]);
        } else {
            manager.setSelectedIndexes(rows);
        }
    }

    private void takeOut() {
        RoiManager manager = RoiManager.getInstance2();
        int[] rows = chosen();
        if (manager == null || rows.length == 0 || !listing.isOf(Results.managed())) {
            return;
        }
        for (int i = rows.length - 1; i >= 0; i--) {
            manager.delete(rows[i]);
        }
        ImagePlus imp = WindowManager.getCurrentImage();
        if (imp != null) {
            imp.deleteRoi();
            desk.results.show(imp);
        }
        desk.talk.say(rows.length + (rows.length == 1 ? " object was" : " objects were")
            + " taken out of the ROI Manager.");
        look();
    }

    /** On to the next control. */
    private final class Leave extends AbstractAction {
        private final boolean back;

        Leave(boolean back) {
            this.back = back;
        }

        @Override
        public void actionPerformed(ActionEvent e) {
            if (back) {
                table.transferFocusBackward();
            } else {
                table.transferFocus();
            }
        }
    }

    /** The colour of an outline. */
    private static final class Swatch extends DefaultTableCellRenderer {
        @Override
        protected void setValue(Object value) {
            setText(value == null ? "" : "\u25CF");
            setForeground(value == null ? null : (java.awt.Color) value);
            setHorizontalAlignment(CENTER);
        }
    }

    /** A score with two digits. */
    private static final class Score extends DefaultTableCellRenderer {
        @Override
        protected void setValue(Object value) {
            setHorizontalAlignment(RIGHT);
            setText(value == null ? "" : String.format("%.2f", (Double) value));
        }
    }
}
