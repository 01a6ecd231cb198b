package org.samj.bridge.ij.panel;

import ij.CompositeImage;
import ij.IJ;
import ij.ImagePlus;
import ij.WindowManager;
import java.awt.BorderLayout;
import java.awt.FlowLayout;
import javax.swing.BoxLayout;
import javax.swing.JButton;
import javax.swing.JComboBox;
import javax.swing.JLabel;
import javax.swing.JPanel;
import org.samj.bridge.ij.parts.Sizes;
import org.samj.bridge.ij.work.Talk;

/**
 * What is segmented is what is seen: the display range of an image with more than 8 bits, and which channel of several.
 * Only there where it matters. On the event thread.
 */
final class ImageRow extends JPanel {

    private static final String ALL = "all, as shown";

    private final transient Runnable turned;
    private final JLabel range = new JLabel();
    private final JPanel ranges = new JPanel(new BorderLayout(Sizes.em(0.5), 0));
    private final JPanel channels = new JPanel(new BorderLayout(Sizes.em(0.5), 0));
    private final JComboBox<String> channel = new JComboBox<>();
    private String known = "";
    private boolean filling;

    ImageRow(Talk talk, Runnable turned) {
        this.turned = turned;
        setLayout(new BoxLayout(this, BoxLayout.Y_AXIS));
        String tip = "What you see is what is segmented: what is black or white at this range is so for the model too";
        JButton auto = new JButton("Auto");
        auto.setName("samj auto range");
        auto.setToolTipText("Fit the display range to the image (Enhance Contrast, 0.35 %); pixels are not changed");
        auto.addActionListener(e -> onImage(talk, imp -> {
            IJ.run(imp, "Enhance Contrast", "saturated=0.35");
            look();
        }));
        JButton adjust = new JButton("Adjust...");
        adjust.setToolTipText("ImageJ's Brightness/Contrast");
        adjust.addActionListener(e -> IJ.doCommand("Brightness/Contrast..."));
        JPanel buttons = new JPanel(new FlowLayout(FlowLayout.RIGHT, Sizes.em(0.3), 0));
        buttons.add(auto);
        buttons.add(adjust);
        range.setName("samj range");
        range.setToolTipText(tip);
        ranges.add(range, BorderLayout.CENTER);
        ranges.add(buttons, BorderLayout.EAST);
        JLabel label = new JLabel("Channel");
        label.setDisplayedMnemonic('Q');
        label.setLabelFor(channel);
        channel.setName("samj channel");
        channel.setToolTipText("Segment one channel, or all of them together as they are shown");
        channel.addActionListener(e -> {
            if (!filling) {
                onImage(talk, this::choose);
            }
        });
        channels.add(label, BorderLayout.WEST);
        channels.add(channel, BorderLayout.CENTER);
        add(channels);
        add(ranges);
        setVisible(false);
    }

    /** See what is shown now. */
    void look() {
        ImagePlus imp = WindowManager.getCurrentImage();
        boolean wide = imp != null && (imp.getBitDepth() == 16 || imp.getBitDepth() == 32);
        boolean many = imp instanceof CompositeImage && imp.getNChannels() > 1;
        String now = imp == null ? "" : imp.getID() + " " + wide + many + imp.getNChannels() + isMerged(imp) + imp.getC()
            + (wide ? imp.getDisplayRangeMin() + " " + imp.getDisplayRangeMax() : "");
        if (now.equals(known)) {
            return;
        }
        known = now;
        if (wide) {
            range.setText("Shown: " + number(imp.getDisplayRangeMin()) + " to " + number(imp.getDisplayRangeMax()));
        }
        if (many) {
            fill(imp);
        }
        boolean changed = ranges.isVisible() != wide || channels.isVisible() != many || isVisible() != (wide || many);
        ranges.setVisible(wide);
        channels.setVisible(many);
        setVisible(wide || many);
        if (changed) {
            turned.run();
        }
    }

    private void fill(ImagePlus imp) {
        filling = true;
        channel.removeAllItems();
        channel.addItem(ALL);
        for (int c = 1; c <= imp.getNChannels(); c++) {
            channel.addItem(Integer.toString(c));
        }
        channel.setSelectedIndex(isMerged(imp) ? 0 : imp.getC());
        filling = false;
    }

    private void choose(ImagePlus imp) {
        int chosen = channel.getSelectedIndex();
        if (!(imp instanceof CompositeImage) || chosen < 0) {
            return;
        }
        if (chosen == 0) {
            ((CompositeImage) imp).setMode(IJ.COMPOSITE);
        } else {
            if (isMerged(imp)) {
                ((CompositeImage) imp).setMode(IJ.COLOR);
            }
            imp.setPosition(chosen, imp.getZ(), imp.getT());
        }
        imp.updateAndDraw();
        look();
    }

    private interface Act {
        void on(ImagePlus imp);
    }

    private static void onImage(Talk talk, Act act) {
        ImagePlus imp = WindowManager.getCurrentImage();
        if (imp != null) {
            talk.guarded(() -> act.on(imp));
        }
    }

    private static boolean isMerged(ImagePlus imp) {
        return imp instanceof CompositeImage && ((CompositeImage) imp).getMode() == IJ.COMPOSITE
            && imp.getNChannels() > 1;
    }

    private static String number(double value) {
        return value == Math.rint(value) ? Long.toString((long) value) : String.format("%.3g", value);
    }
}
