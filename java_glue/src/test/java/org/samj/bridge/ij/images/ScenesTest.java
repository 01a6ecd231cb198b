package org.samj.bridge.ij.images;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertSame;

import ij.ImagePlus;
import ij.ImageStack;
import ij.process.ByteProcessor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.Test;
import org.samj.bridge.ModelInfo;
import org.samj.bridge.Options;
import org.samj.bridge.Outline;
import org.samj.bridge.Pixels;
import org.samj.bridge.Prompt;
import org.samj.bridge.Segmenter;

public class ScenesTest {

    /** Numbers its scenes, and notes which were closed. */
    private static final class Counting implements Segmenter {
        final List<Integer> closed = new ArrayList<>();
        int made;

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
            int number = ++made;
            return new Scene() {
                @Override
                public Outline[] segment(Prompt prompt, Options options) {
                    return new Outline[0];
                }

                @Override
                public void everything(Options options, Found found, Progress progress) {
                }

                @Override
                public void close() {
                    closed.add(number);
                }
            };
        }

        @Override
        public void close() {
        }
    }

    private static Plane plane(ImagePlus imp, int slice) {
        imp.setSliceWithoutUpdate(slice);
        return Plane.shown(imp);
    }

    private static ImagePlus stack(int slices) {
        ImageStack stack = new ImageStack(10, 10);
        for (int n = 0; n < slices; n++) {
            ByteProcessor pixels = new ByteProcessor(10, 10);
            pixels.set(n);
            stack.addSlice(pixels);
        }
        return new ImagePlus("planes", stack);
    }

    @Test
    public void theScenesThatWereUsedLongestAgoMakeRoom() {
        Counting segmenter = new Counting();
        Scenes scenes = new Scenes(segmenter, 300);
        ImagePlus imp = stack(4);
        Segmenter.Scene first = scenes.of(plane(imp, 1), "m", null);
        scenes.of(plane(imp, 2), "m", null);
        scenes.of(plane(imp, 3), "m", null);
        assertSame(first, scenes.of(plane(imp, 1), "m", null));
        scenes.of(plane(imp, 4), "m", null);
        assertEquals(Arrays.asList(2), segmenter.closed);
        assertSame(first, scenes.of(plane(imp, 1), "m", null));
    }

    @Test
    public void anImageLargerThanTheRoomIsKeptAllTheSame() {
        Counting segmenter = new Counting();
        Scenes scenes = new Scenes(segmenter, 50);
        ImagePlus imp = stack(2);
        Segmenter.Scene only = scenes.of(plane(imp, 1), "m", null);
        assertSame(only, scenes.of(plane(imp, 1), "m", null));
        assertEquals(new ArrayList<Integer>(), segmenter.closed);
        scenes.of(plane(imp, 2), "m", null);
        assertEquals(Arrays.asList(1), segmenter.closed);
    }

    @Test
    public void changedPixelsAreReadAgain() {
        Counting segmenter = new Counting();
        Scenes scenes = new Scenes(segmenter, 1000);
        ImagePlus imp = stack(1);
        scenes.of(plane(imp, 1), "m", null);
        imp.getProcessor().set(3, 3, 99);
        scenes.of(plane(imp, 1), "m", null);
        assertEquals(Arrays.asList(1), segmenter.closed);
        scenes.forget(imp);
        assertEquals(Arrays.asList(1, 2), segmenter.closed);
    }
}
