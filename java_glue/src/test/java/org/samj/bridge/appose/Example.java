package org.samj.bridge.appose;

// docs/how-to/java.md begins here
import java.util.Arrays;
import org.samj.bridge.Options;
import org.samj.bridge.Outline;
import org.samj.bridge.Pixels;
import org.samj.bridge.Prompt;
import org.samj.bridge.Segmenter;
import org.samj.bridge.SegmenterException;

public class Example {

    public static void main(String[] arguments) {
        // An image: a bright square of 30 x 30 pixels on black, row by row.
        byte[] pixels = new byte[100 * 80];
        for (int y = 20; y < 50; y++) {
            Arrays.fill(pixels, y * 100 + 40, y * 100 + 70, (byte) 200);
        }
        Segmenter segmenter = new ApposeSegmenter();
        try {
            Segmenter.Scene scene = segmenter.encode("starter", new Pixels(pixels, 100, 80, null), null);
            Outline outline = scene.segment(Prompt.ofBox(35, 15, 75, 55), Options.plain())[0];
            for (int[] ring : outline.rings) {
                System.out.println("x0, y0, x1, y1, ...: " + Arrays.toString(ring));
            }
            scene.close();
        } catch (SegmenterException error) {
            System.err.println(error.sentence());
        } finally {
            segmenter.close();
        }
    }
}
// docs/how-to/java.md ends here
