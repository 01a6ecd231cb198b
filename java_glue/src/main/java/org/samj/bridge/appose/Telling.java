package org.samj.bridge.appose;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.apposed.appose.TaskEvent;
import org.samj.bridge.Segmenter;

/** What a worker says during a call about an image: parts that it asks for are delivered, the rest is told. */
final class Telling implements Consumer<TaskEvent> {

    private final Worker worker;
    private final SentPixels pixels;
    private final Segmenter.Progress progress;
    private String words;

    /** `words`: what is told while the worker says no more than how far it is. */
    Telling(Worker worker, SentPixels pixels, Segmenter.Progress progress, String words) {
        this.worker = worker;
        this.pixels = pixels;
        this.progress = progress;
        this.words = words;
    }

    @Override
    public void accept(TaskEvent event) {
        Object asked = event.info == null ? null : event.info.get("ask");
        Object tile = event.info == null ? null : event.info.get("tile");
        if (asked != null) {
            answer((Map<?, ?>) asked);
        } else if (tile != null) {
            place((Map<?, ?>) tile);
        } else if (event.info == null && event.maximum > 0) {
            progress.tell(words, (double) event.current / event.maximum);
        }
    }

    /** Deliver what the worker waits for. What can't be read is thrown, and ends the call. */
    private void answer(Map<?, ?> asked) {
        int[] region = ints(asked.get("region"));
        Map<String, Object> inputs = new HashMap<>();
        inputs.put("number", asked.get("number"));
        if ("sum".equals(asked.get("what"))) {
            // Lines carry no numbers of 64 bits with a sign.
            inputs.put("sum", pixels.parts().sum(region[1], region[0], region[3], region[2]) & Long.MAX_VALUE);
            worker.call("deliver", inputs, ApposeSegmenter.SILENT, event -> { });
            return;
        }
        SentPixels part = pixels.part(region[1], region[0], region[3], region[2]);
        try (SentFile file = part.share()) {
            inputs.put("image", part.describe(file));
            worker.call("deliver", inputs, ApposeSegmenter.SILENT, event -> { });
        }
    }

    private void place(Map<?, ?> tile) {
        int level = ((Number) tile.get("level")).intValue();
        words = "Encoding tile " + tile.get("number") + " of " + tile.get("of")
            + (level > 0 ? ", reduced " + (1 << level) + " times" : "");
        progress.at(ints(tile.get("area")));
        progress.tell(words, 0);
    }

    private static int[] ints(Object list) {
        return ((List<?>) list).stream().mapToInt(value -> ((Number) value).intValue()).toArray();
    }
}
