package org.samj.bridge.ij.results;

import ij.gui.Roi;
import ij.process.ImageProcessor;
import java.awt.Color;
import java.util.IdentityHashMap;
import java.util.Map;
import javax.swing.table.AbstractTableModel;

/** The ROI Manager's entries as a table: colour, name, class, score, area in pixels. On the event thread. */
public final class Listing extends AbstractTableModel {

    private static final String[] NAMES = {"", "Name", "Class", "Score", "Area"};
    private static final Class<?>[] KINDS = {Color.class, String.class, String.class, Double.class, Integer.class};

    private Roi[] rois = new Roi[0];
    /** Counting pixels takes a while for thousands: once for each. */
    private final Map<Roi, Integer> areas = new IdentityHashMap<>();

    /** Whether it shows these, in this order. */
    public boolean isOf(Roi[] others) {
        if (others.length != rois.length) {
            return false;
        }
        for (int i = 0; i < rois.length; i++) {
            if (rois[i] != others[i]) {
                return false;
            }
        }
        return true;
    }

    /** Show these. */
    public void fill(Roi[] others) {
        rois = others.clone();
        Map<Roi, Integer> known = new IdentityHashMap<>(areas);
        areas.clear();
        for (Roi roi : rois) {
            if (known.containsKey(roi)) {
                areas.put(roi, known.get(roi));
            }
        }
        fireTableDataChanged();
    }

    @Override
    public int getRowCount() {
        return rois.length;
    }

    @Override
    public int getColumnCount() {
        return NAMES.length;
    }

    @Override
    public String getColumnName(int column) {
        return NAMES[column];
    }

    @Override
    public Class<?> getColumnClass(int column) {
        // A colour has no order of its own: to a table that sorts it is an object.
        return column == 0 ? Object.class : KINDS[column];
    }

    @Override
    public Object getValueAt(int row, int column) {
        Roi roi = rois[row];
        switch (column) {
            case 0:
                return roi.getStrokeColor() == null ? Roi.getColor() : roi.getStrokeColor();
            case 1:
                return roi.getName() == null ? "" : roi.getName();
            case 2:
                return Classes.of(roi);
            case 3:
                return Doubt.score(roi);
            default:
                return areas.computeIfAbsent(roi, Listing::area);
        }
    }

    private static int area(Roi roi) {
        if (!roi.isArea()) {
            return 0;
        }
        ImageProcessor mask = roi.getMask();
        return mask == null ? roi.getBounds().width * roi.getBounds().height : mask.getHistogram()[255];
    }
}
