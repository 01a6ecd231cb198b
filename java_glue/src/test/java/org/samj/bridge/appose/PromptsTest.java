package org.samj.bridge.appose;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.Test;
import org.samj.bridge.Outline;
import org.samj.bridge.Pixels;
import org.samj.bridge.Prompt;
import org.samj.bridge.SegmenterException;

public class PromptsTest {

    private static final Outline SQUARE = new Outline(new int[][] {{1, 1, 4, 1, 4, 4, 1, 4}}, 0.5);

    @Test
    public void wholeNumbersMeanPixelsAndABoxIsCutToTheImage() {
        Map<String, Object> wire = wire(new Prompt(new double[] {-5, 2, 30, 50}, new double[] {3, 4, 5.25, 6},
            new double[] {19, 9}, SQUARE));
        assertEquals(Arrays.asList(0.0, 2.0, 20.0, 10.0), wire.get("box"));
        assertEquals(Arrays.asList(Arrays.asList(3.5, 4.5), Arrays.asList(5.25, 6.0)), wire.get("points"));
        assertEquals(Collections.singletonList(Arrays.asList(19.5, 9.5)), wire.get("negative"));
        assertEquals(Collections.singletonMap("rings", SQUARE.rings), wire.get("mask"));
        assertEquals(Collections.singleton("points"), wire(Prompt.ofPoint(1, 1)).keySet());
    }

    @Test
    public void whatCannotBeUsedIsToldInWords() {
        says("bad-prompt", "has negative points only", new Prompt(null, null, new double[] {1, 1}, null));
        says("bad-prompt", "is empty", new Prompt(null, null, null, null));
        says("bad-prompt", "The box (4, 1, 2.5, 3) has its corners swapped", Prompt.ofBox(4, 1, 2.5, 3));
        says("bad-prompt", "The box (4, 1, 4, 3) has no extent", Prompt.ofBox(4, 1, 4, 3));
        says("bad-prompt", "not four finite numbers", Prompt.ofBox(4, 1, Double.NaN, 3));
        says("bad-prompt", "not four finite numbers", new Prompt(new double[] {1, 2, 3}, null, null, null));
        says("bad-prompt", "not pairs of finite numbers", new Prompt(null, new double[] {1, 2, 3}, null, null));
        says("bad-prompt", "mask of the prompt is empty",
            new Prompt(null, null, null, new Outline(new int[0][], Double.NaN)));
        says("prompt-outside-image", "its point (20, 3) is not within 20 x 10 pixels", Prompt.ofPoint(20, 3));
        says("prompt-outside-image", "its negative point (3, -1)", Prompt.ofPoint(1, 1).with(3, -1, false, null));
        says("prompt-outside-image", "its box (30, 1, 40, 3)", Prompt.ofBox(30, 1, 40, 3));
        says("prompt-outside-image", "its mask",
            new Prompt(null, null, null, new Outline(new int[][] {{0, 0, 21, 0, 21, 2, 0, 2}}, 1)));
    }

    @Test
    public void aModelIsNotAskedInAWayThatItDoesNotTake() {
        List<String> box = Collections.singletonList("box");
        SegmenterException error = assertThrows(SegmenterException.class, () -> Prompts.toWire(
            Prompt.ofBox(1, 1, 5, 5).with(2, 2, true, SQUARE).with(3, 3, false, SQUARE), 20, 10, model(box)));
        assertEquals("prompt-not-taken", error.code());
        assertEquals("The model 'm' can't take a prompt that has points and negative points and a mask.",
            error.getMessage());
        // A model of points takes negative ones as well: they choose among its masks.
        Prompts.toWire(Prompt.ofPoint(1, 1).with(3, 3, false, null), 20, 10, model(Collections.singletonList("points")));
    }

    @Test
    public void pixelsThatAreNoneAreToldInWords() {
        saysOf(new Pixels(new byte[5], 2, 3, null), "is said to have 2 x 3 pixels, and its array has 5");
        saysOf(new Pixels(null, 2, 3, null), "its array has 0");
        saysOf(new Pixels(new byte[0], 0, 0, null), "0 x 0");
        saysOf(new Pixels(new long[6], 2, 3, null), "The image is a long[]");
        saysOf(new Pixels(new byte[6], 2, 3, new double[] {7, 7}), "range is [7.0, 7.0]");
        saysOf(new Pixels(new byte[6], 2, 3, new double[] {7, Double.NaN}), "not two different finite numbers");
    }

    private static Map<String, Object> wire(Prompt prompt) {
        return Prompts.toWire(prompt, 20, 10, model(Arrays.asList("box", "points", "negative", "mask")));
    }

    private static void says(String code, String words, Prompt prompt) {
        SegmenterException error = assertThrows(SegmenterException.class, () -> wire(prompt));
        assertEquals(code, error.code());
        assertTrue(error.getMessage(), error.getMessage().contains(words));
        assertTrue(error.getMessage(), !error.hint().isEmpty());
    }

    private static void saysOf(Pixels pixels, String words) {
        SegmenterException error = assertThrows(SegmenterException.class, () -> SentPixels.of(pixels));
        assertEquals("bad-image", error.code());
        assertTrue(error.getMessage(), error.getMessage().contains(words));
    }

    private static Card.Model model(List<String> prompts) {
        Map<String, Object> values = new HashMap<>();
        for (String name : new String[] {"family", "architecture", "transform", "checkpoint", "title", "licence", "good_for"}) {
            values.put(name, "");
        }
        values.put("id", "m");
        values.put("prompts", prompts);
        values.put("size_bytes", 0);
        return new Card.Model(values);
    }
}
