package org.samj.bridge.ij.tool;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertTrue;

import ij.ImagePlus;
import ij.gui.Roi;
import ij.gui.RoiListener;
import ij.process.ByteProcessor;
import java.awt.EventQueue;
import java.util.ArrayList;
import java.util.List;
import org.junit.After;
import org.junit.Test;
import org.samj.bridge.ModelInfo;
import org.samj.bridge.Options;
import org.samj.bridge.Outline;
import org.samj.bridge.Pixels;
import org.samj.bridge.Prompt;
import org.samj.bridge.Segmenter;
import org.samj.bridge.ij.work.Desk;

/** From a prompt to a proposal, without windows. */
public class LiveTest {

    /** Finds a square of 8 x 8 wherever it is asked. */
    private static final class Squares implements Segmenter {
        @Override
        public ModelInfo[] models() {
            return new ModelInfo[0];
        }

        @Override
        public void prepare(String model, Progress progress) {
        }

        @Override
        public String device() {
            return "";
        }

        @Override
        public Scene encode(String model, Pixels pixels, Progress progress) {
            progress.tell("Reading", -1);
            return new Scene() {
                @Override
                public Outline[] segment(Prompt prompt, Options options) {
                    int x = (int) prompt.positive[0];
                    int y = (int) prompt.positive[1];
                    return new Outline[] {new Outline(new int[][] {{x, y, x + 8, y, x + 8, y + 8, x, y + 8}}, 0.9)};
                }

                @Override
                public void everything(Options options, Found found, Progress progress) {
                }

                @Override
                public void close() {
                }
            };
        }

        @Override
        public void close() {
        }
    }

    private final Desk desk = new Desk(new Squares());
    private final Live live = new Live(desk);
    private final ImagePlus imp = new ImagePlus("dark", new ByteProcessor(60, 40));
    private final List<String> told = new ArrayList<>();

    @After
    public void ended() {
        desk.work.close();
    }

    private void point(int x, int y) throws Exception {
        EventQueue.invokeAndWait(() -> live.point(imp, Prompt.ofPoint(x, y)));
        desk.work.call(() -> null);
        EventQueue.invokeAndWait(() -> { });
    }

    @Test
    public void aPointGivesAProposalWhichIsTheSelection() throws Exception {
        point(10, 12);
        assertEquals(64, (int) imp.getRoi().getStatistics().area);
        EventQueue.invokeAndWait(() -> assertTrue(live.isBusyWith(imp)));
    }

    @Test
    public void aListenerOfAnotherPluginThatThrowsLeavesNothingHalfDone() throws Exception {
        desk.talk.tellTo(told::add);
        RoiListener bad = (image, id) -> {
            throw new IllegalStateException("another plugin's");
        };
        Roi.addRoiListener(bad);
        try {
            EventQueue.invokeAndWait(() -> {
                live.point(imp, Prompt.ofPoint(10, 12));
                // To be kept as soon as it is there: this is not to wait for ever for an answer that has come.
                live.accept(imp);
            });
            desk.work.call(() -> null);
            EventQueue.invokeAndWait(() -> { });
            EventQueue.invokeAndWait(() -> { });
        } finally {
            Roi.removeRoiListener(bad);
        }
        assertTrue(told.toString(), told.stream().anyMatch(line -> line.contains("another plugin's")));
        point(30, 20);
        Proposal shown = live.shown(imp);
        assertNotNull(shown);
        assertEquals(30, (int) shown.prompt.positive[0]);
        assertEquals(30, imp.getRoi().getBounds().x);
        EventQueue.invokeAndWait(() -> {
            assertTrue(live.undo(imp));
            assertTrue(live.undo(imp));
            assertFalse(live.undo(imp));
        });
    }
}
