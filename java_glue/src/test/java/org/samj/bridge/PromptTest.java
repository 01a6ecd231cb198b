package org.samj.bridge;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertSame;
import static org.junit.Assert.assertTrue;

import org.junit.Test;

public class PromptTest {

    @Test
    public void aPromptGrowsPointByPointAndTheOldOneStays() {
        Outline outline = new Outline(new int[][] {{0, 0, 1, 0, 1, 1, 0, 1}}, 0.5);
        Prompt first = Prompt.ofPoint(3, 4);
        Prompt second = first.with(7, 8, false, outline).with(5, 6, true, outline);
        assertArrayEquals(new double[] {3, 4}, first.positive, 0);
        assertArrayEquals(new double[] {3, 4, 5, 6}, second.positive, 0);
        assertArrayEquals(new double[] {7, 8}, second.negative, 0);
        assertSame(outline, second.mask);
    }

    @Test
    public void somethingMustSayWhereTheObjectIs() {
        assertFalse(new Prompt(null, null, new double[] {1, 1}, null).isComplete());
        assertTrue(Prompt.ofBox(0, 0, 1, 1).isComplete());
        assertTrue(new Prompt(null, null, null, new Outline(new int[0][], Double.NaN)).isComplete());
    }

    @Test
    public void jsonHasWholeNumbersWherePixelsAreMeant() {
        Prompt prompt = new Prompt(new double[] {0, 1, 20, 30.5}, new double[] {3, 4, 5, 6}, new double[] {7.25, 8}, null);
        assertEquals("{\"box\": [0, 1, 20, 30.5], \"points\": [[3, 4], [5, 6]], \"negative\": [[7.25, 8]]}",
            prompt.toJson());
        assertEquals("{\"points\": [[1, 2]]}", Prompt.ofPoint(1, 2).toJson());
    }

    @Test
    public void anyErrorHasWords() {
        assertEquals("java-memory", SegmenterException.of(new OutOfMemoryError()).code());
        SegmenterException made = SegmenterException.of(new IllegalStateException());
        assertEquals("Something unexpected happened: IllegalStateException Try again; if it happens again, send us the"
            + " log.", made.sentence());
        assertSame(made, SegmenterException.of(made));
    }
}
