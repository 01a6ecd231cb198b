package org.samj.bridge.appose;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import groovy.json.JsonSlurper;
import java.io.File;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.Test;
import org.samj.bridge.ModelInfo;
import org.samj.bridge.Options;
import org.samj.bridge.Outline;
import org.samj.bridge.Pixels;
import org.samj.bridge.Prompt;
import org.samj.bridge.Segmenter;
import org.samj.bridge.SegmenterException;

/** The segmenter on the worker that samj-bridge starts everywhere else, with the starter model. */
public class ApposeSegmenterTest extends WithWorker {

    private static final Options THREE = new Options(3, 0, false, false);

    @Test
    public void aBoxGivesTheDiscThatWasDrawn() {
        Segmenter.Scene scene = scene(Pictures.bytes());
        for (int[] disc : Pictures.DISCS) {
            Outline[] found = scene.segment(around(disc), Options.plain());
            assertEquals(1, found.length);
            assertTrue(Pictures.overlap(found[0], disc) > 0.85);
            assertTrue(found[0].score > 0 && found[0].score <= 1);
        }
        scene.close();
    }

    @Test
    public void pointsGiveCandidatesTheBestFirst() {
        Segmenter.Scene scene = scene(Pictures.bytes());
        Outline[] found = scene.segment(Prompt.ofPoint(100, 40).with(40, 35, false, null), THREE);
        assertEquals(3, found.length);
        assertTrue(found[0].score >= found[1].score && found[1].score >= found[2].score);
        assertTrue(Pictures.overlap(found[0], Pictures.DISCS[1]) > 0.8);
        scene.close();
    }

    /** What Python's session says of the same pixels: the test that starts this one writes it down. */
    @Test
    public void theAnswersAreThoseOfPythonsSession() throws Exception {
        String path = System.getenv("SAMJ_EXPECTED");
        org.junit.Assume.assumeTrue("no answers of Python's session to compare with (SAMJ_EXPECTED)", path != null);
        Map<?, ?> expected = (Map<?, ?>) new JsonSlurper().parse(new File(path), "UTF-8");
        Prompt box = around(Pictures.DISCS[1]);
        check(expected, "byte", Pictures.bytes(), box);
        check(expected, "inverted", Pictures.bytes(255, 0), box);
        check(expected, "short", Pictures.shorts(), box);
        check(expected, "float", Pictures.floats(), box);
        check(expected, "rgb", Pictures.colours(), box);
        check(expected, "points", Pictures.bytes(), Prompt.ofPoint(100, 40).with(90, 30.5, false, null));
        check(expected, "mask", Pictures.bytes(), new Prompt(null, new double[] {100, 40}, null, square(90, 30, 110, 50)));
        // Asked tile by tile: the ninth disc of that kind lies in another tile than the first.
        check(expected, "wide box", Pictures.wide(20), Prompt.ofBox(8 * 160 + 79, 19, 8 * 160 + 121, 61));
        check(expected, "wide click", Pictures.wide(20), Prompt.ofPoint(8 * 160 + 100, 40));
        List<Outline> objects = new ArrayList<>();
        Segmenter.Scene scene = scene(Pictures.bytes());
        scene.everything(new Options(1, 20, false, false), objects::add, null);
        assertArrayEquals(rings(expected.get("everything")), rings(objects.toArray(new Outline[0])));
        scene.close();
    }

    @Test
    public void ofALargeImageOnlyThePartsThatPromptsNeedAreSent() {
        Pixels whole = Pictures.wide(20);
        byte[] array = (byte[]) whole.array;
        long[] read = {0};
        boolean[] gone = {false};
        Pixels.Parts parts = new Pixels.Parts() {
            @Override
            public Object read(int x, int y, int width, int height) {
                if (gone[0]) {
                    throw new SegmenterException("image-closed", "It was closed.", "");
                }
                read[0] += (long) width * height;
                byte[] part = new byte[width * height];
                for (int row = 0; row < height; row++) {
                    System.arraycopy(array, (y + row) * whole.width + x, part, row * width, width);
                }
                return part;
            }

            @Override
            public long sum(int x, int y, int width, int height) {
                return java.util.Arrays.hashCode((byte[]) read(x, y, width, height)) - (1L << 40);
            }
        };
        Segmenter.Scene all = scene(whole);
        Segmenter.Scene kept = scene(Pixels.inParts(parts, new byte[0], whole.width, whole.height, null));
        assertTrue(kept.readsParts() && !all.readsParts());
        Prompt[] prompts = {Prompt.ofPoint(8 * 160 + 100, 40), Prompt.ofBox(79, 19, 121, 61), Prompt.ofPoint(15 * 160 + 100, 40)};
        assertArrayEquals(new int[] {1, 0, 2}, kept.order(prompts));
        read[0] = 0;
        List<int[]> areas = new ArrayList<>();
        List<String> told = new ArrayList<>();
        Segmenter.Progress progress = new Segmenter.Progress() {
            @Override
            public void tell(String message, double fraction) {
                told.add(message);
            }

            @Override
            public void at(int[] area) {
                areas.add(area);
            }

            @Override
            public boolean isCancelled() {
                return false;
            }
        };
        assertArrayEquals(rings(all.segment(prompts[0], THREE)), rings(kept.segment(prompts[0], THREE, progress)));
        assertTrue(read[0] + " pixels", read[0] < 3 * 1024 * 120);
        assertTrue(told.toString(), told.get(0).matches("Encoding tile \\d+ of \\d+"));
        assertEquals(1024, areas.get(0)[2] - areas.get(0)[0]);
        assertEquals(null, areas.get(areas.size() - 1));
        List<int[][][]> found = new ArrayList<>();
        kept.segmentAll(prompts, THREE, (index, outlines) -> found.add(rings(outlines)), progress);
        for (int i = 0; i < prompts.length; i++) {
            assertArrayEquals(rings(all.segment(prompts[i], THREE)), found.get(i));
        }
        java.util.Arrays.fill(array, (byte) 30);
        assertFalse(java.util.Arrays.deepEquals(rings(all.segment(prompts[1], THREE)), rings(kept.segment(prompts[1], THREE))));
        gone[0] = true;
        assertEquals("image-closed",
            assertThrows(SegmenterException.class, () -> kept.segment(prompts[1], THREE)).code());
        all.close();
        kept.close();
    }

    @Test
    public void optionsAreHeeded() {
        Segmenter.Scene scene = scene(Pictures.bytes());
        Outline[] none = scene.segment(around(Pictures.DISCS[0]), new Options(1, 5000, true, true));
        assertEquals(1, none.length);
        assertTrue(none[0].isEmpty());
        SegmenterException error = assertThrows(SegmenterException.class,
            () -> scene.segment(Prompt.ofPoint(1, 1), new Options(4, 0, false, false)));
        assertEquals("candidates is 4 and minArea 0.", error.getMessage());
        scene.close();
    }

    @Test
    public void everythingComesObjectByObjectAndIsToldInWords() {
        Segmenter.Scene scene = scene(Pictures.bytes());
        List<Outline> objects = new ArrayList<>();
        List<String> told = new ArrayList<>();
        scene.everything(Options.plain(), objects::add, progress(told, new AtomicBoolean()));
        for (int[] disc : Pictures.DISCS) {
            assertTrue(objects.stream().anyMatch(outline -> Pictures.overlap(outline, disc) > 0.8));
        }
        assertTrue(told.toString(), told.contains("1 objects found"));
        assertTrue(told.toString(), told.get(told.size() - 1).contains(objects.size() + " objects"));
        scene.close();
    }

    @Test
    public void theWorkersOwnWordsArriveWithCodeAndHint() {
        SegmenterException error = assertThrows(SegmenterException.class,
            () -> call("segment", Collections.singletonMap("encoding", "x")));
        assertEquals("bad-prompt", error.code());
        assertTrue(error.getMessage(), error.getMessage().contains("not a list with at least one prompt"));
        assertTrue(error.hint(), error.hint().contains("docs/reference/protocol.md"));
        assertEquals("unknown-operation",
            assertThrows(SegmenterException.class, () -> call("dance", Collections.emptyMap())).code());
    }

    @Test
    public void aPromptThatCannotBeUsedIsToldBeforeTheWorkerIsAsked() {
        Segmenter.Scene scene = scene(Pictures.bytes());
        double before = number(stats().get("segmented"));
        SegmenterException error = assertThrows(SegmenterException.class,
            () -> scene.segment(Prompt.ofPoint(500, 3), Options.plain()));
        assertEquals("prompt-outside-image", error.code());
        assertEquals(before, number(stats().get("segmented")), 0);
        scene.close();
    }

    @Test
    public void aClosedSceneReleasesItsEncodingAndSaysThatItIsClosed() {
        double before = number(stats().get("encodings"));
        Segmenter.Scene scene = scene(Pictures.crowd(96));
        assertEquals(before + 1, number(stats().get("encodings")), 0);
        scene.close();
        scene.close();
        assertEquals(before, number(stats().get("encodings")), 0);
        assertEquals("scene-closed", assertThrows(SegmenterException.class,
            () -> scene.segment(Prompt.ofPoint(3, 3), Options.plain())).code());
    }

    @Test
    public void modelsAreThoseOnTheCardAndOthersAreToldHowToInstall() {
        ModelInfo first = segmenter.models()[0];
        assertEquals("starter", first.id);
        assertTrue(first.installed);
        assertFalse(first.title.isEmpty() || first.licence.isEmpty() || first.goodFor.isEmpty());
        SegmenterException error = assertThrows(SegmenterException.class,
            () -> segmenter.prepare("no-such-model", null));
        assertEquals("model-not-installed", error.code());
        assertTrue(error.hint(), error.hint().endsWith("samj-bridge models install no-such-model"));
    }

    private void check(Map<?, ?> expected, String name, Pixels pixels, Prompt prompt) {
        Segmenter.Scene scene = scene(pixels);
        assertArrayEquals(name, rings(expected.get(name)), rings(scene.segment(prompt, THREE)));
        scene.close();
    }

    private static Outline square(int x0, int y0, int x1, int y1) {
        return new Outline(new int[][] {{x0, y0, x1, y0, x1, y1, x0, y1}}, Double.NaN);
    }

    private static int[][][] rings(Object json) {
        List<int[][]> all = new ArrayList<>();
        for (Object outline : (List<?>) json) {
            List<int[]> rings = new ArrayList<>();
            for (Object ring : (List<?>) outline) {
                rings.add(((List<?>) ring).stream().mapToInt(value -> ((Number) value).intValue()).toArray());
            }
            all.add(rings.toArray(new int[0][]));
        }
        return all.toArray(new int[0][][]);
    }
}
