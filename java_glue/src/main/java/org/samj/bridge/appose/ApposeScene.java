package org.samj.bridge.appose;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.BiFunction;
import org.apposed.appose.TaskEvent;
import org.samj.bridge.Options;
import org.samj.bridge.Outline;
import org.samj.bridge.Prompt;
import org.samj.bridge.Segmenter;
import org.samj.bridge.SegmenterException;

/** An image that a worker has encoded; encoded again where that worker died or has forgotten it. */
final class ApposeScene implements Segmenter.Scene {

    private final ApposeSegmenter segmenter;
    private final String model;
    private final String imageId = UUID.randomUUID().toString();
    private final int width;
    private final int height;
    private volatile SentPixels pixels;
    private Object ranges;
    private volatile Worker home;
    private String encoding;

    ApposeScene(ApposeSegmenter segmenter, String model, SentPixels pixels) {
        this.segmenter = segmenter;
        this.model = model;
        this.width = pixels.width;
        this.height = pixels.height;
        this.pixels = pixels;
        this.ranges = pixels.ranges();
    }

    /** Make sure that a running worker has the encoding. */
    void encode(Segmenter.Progress progress) {
        ask(progress, (worker, name) -> name);
    }

    /** The worker's name for it. */
    String encoding() {
        return encoding;
    }

    @Override
    public Outline[] segment(Prompt prompt, Options options) {
        return segment(prompt, options, ApposeSegmenter.SILENT);
    }

    @Override
    public Outline[] segment(Prompt prompt, Options options, Segmenter.Progress progress) {
        Outline[][] found = new Outline[1][];
        segmentAll(new Prompt[] {prompt}, options, (index, outlines) -> found[0] = outlines, progress);
        return found[0];
    }

    @Override
    public void segmentAll(Prompt[] prompts, Options options, Segmenter.Answers answers, Segmenter.Progress progress) {
        options.check();
        Segmenter.Progress told = Told.to(progress);
        Map<String, Object> inputs = new HashMap<>();
        inputs.put("candidates", options.candidates);
        inputs.put("min_area", options.minArea);
        inputs.put("fill_holes", options.fillHoles);
        inputs.put("largest_only", options.largestOnly);
        inputs.put("stream", true);
        Map<Integer, Outline[]> early = new HashMap<>();
        int[] given = {0};
        ask(told, (worker, name) -> {
            // Those that were answered before the worker died are not asked again.
            int first = given[0];
            early.clear();
            List<Object> asked = new ArrayList<>();
            for (int i = first; i < prompts.length; i++) {
                asked.add(Prompts.toWire(prompts[i], width, height, worker.model));
            }
            inputs.put("prompts", asked);
            inputs.put("encoding", name);
            Telling telling = new Telling(worker, pixels, told, "Looking at the image from farther away");
            try {
                return worker.call("segment", inputs, told, event -> {
                    if (event.info == null || !event.info.containsKey("regions")) {
                        telling.accept(event);
                        return;
                    }
                    // Of a large image they come tile by tile.
                    early.put(first + ((Number) event.info.get("prompt")).intValue(), outlines(event.info));
                    while (early.containsKey(given[0])) {
                        Outline[] next = early.remove(given[0]);
                        answers.add(given[0]++, next);
                    }
                });
            } finally {
                told.at(null);
            }
        });
    }

    @Override
    public int[] order(Prompt[] prompts) {
        Worker worker = home;
        int side = worker == null ? 0 : worker.tileOf(width, height);
        return side == 0 ? Segmenter.Scene.super.order(prompts) : new TileOrder(width, height, side).of(prompts);
    }

    @Override
    public boolean readsParts() {
        SentPixels image = pixels;
        return image != null && image.parts() != null && home != null && home.asksForParts(6);
    }

    @Override
    public boolean takes(String kind) {
        Worker worker = home;
        return worker == null || worker.model.prompts.contains(kind);
    }

    @Override
    public void everything(Options options, Segmenter.Found found, Segmenter.Progress progress) {
        everythingIn(null, options, found, progress);
    }

    @Override
    public void everythingIn(double[] box, Options options, Segmenter.Found found, Segmenter.Progress progress) {
        Map<String, Object> inputs = new HashMap<>();
        inputs.put("mode", "auto");
        inputs.put("stream", true);
        inputs.put("min_area", options.minArea);
        Segmenter.Progress told = Told.to(progress);
        int[] given = {0};
        Map<String, Object> outputs = ask(told, (worker, name) -> {
            if (!worker.model.prompts.contains("points")) {
                throw new SegmenterException("prompt-not-taken", "The model '" + model
                    + "' can't find objects by itself: it can't be asked by points.",
                    "Use another model, for example starter, or give boxes.");
            }
            inputs.put("encoding", name);
            // A small image is searched as a whole, and whoever asks leaves out what it does not want.
            if (box != null && worker.tileOf(width, height) != 0 && worker.asksForParts(7)) {
                inputs.put("within", Arrays.asList(box[0], box[1], box[2], box[3]));
            }
            // The search is the same each time: what was given before the worker died is passed over.
            int[] seen = {0};
            Telling telling = new Telling(worker, pixels, told, "Reading the image");
            try {
                return worker.call("everything", inputs, told, event -> {
                    if (event.info != null && !event.info.containsKey("regions")) {
                        telling.accept(event);
                        return;
                    }
                    for (Outline outline : event.info == null ? new Outline[0] : outlines(event.info)) {
                        if (seen[0]++ >= given[0]) {
                            given[0] = seen[0];
                            if (!outline.isEmpty()) {
                                found.add(outline);
                            }
                        }
                    }
                    told.tell(words(seen[0], event), fraction(event));
                });
            } finally {
                told.at(null);
            }
        });
        told.tell(String.valueOf(outputs.get("message")), 1);
    }

    @Override
    public void close() {
        Worker owner = home;
        home = null;
        pixels = null;
        if (owner != null) {
            owner.post("release", Collections.singletonMap("encodings", Collections.singletonList(encoding)));
        }
    }

    private <T> T ask(Segmenter.Progress progress, BiFunction<Worker, String, T> question) {
        return segmenter.attempt(model, progress, worker -> {
            String name = encoded(worker, progress);
            try {
                return question.apply(worker, name);
            } catch (SegmenterException error) {
                if (!error.code().equals("unknown-encoding")) {
                    throw error;
                }
                // Many images are open, and the worker keeps those that were used last.
                home = null;
            }
            return question.apply(worker, encoded(worker, progress));
        });
    }

    private String encoded(Worker worker, Segmenter.Progress progress) {
        SentPixels image = pixels;
        if (image == null) {
            throw new SegmenterException("scene-closed", "The scene is closed.", "Encode the image again.");
        }
        if (home != worker) {
            Map<String, Object> inputs = new HashMap<>();
            inputs.put("model", worker.handle());
            inputs.put("ranges", ranges);
            inputs.put("channels", image.colour ? "auto" : "each");
            inputs.put("image_id", imageId);
            // A large image is asked tile by tile; where the tiles are is known to the worker, which asks for them.
            inputs.put("cut", true);
            Map<String, Object> outputs;
            Telling telling = new Telling(worker, image, progress, "Encoding the image");
            if (image.parts() != null && worker.asksForParts(6)) {
                inputs.put("image", image.describe(null));
                outputs = worker.call("encode", inputs, progress, telling);
            } else {
                SentPixels all = image.whole();
                try (SentFile file = all.share()) {
                    inputs.put("image", all.describe(file));
                    outputs = worker.call("encode", inputs, progress, telling);
                }
            }
            // The next worker shall show it to the network in the same way.
            ranges = outputs.get("ranges");
            encoding = (String) outputs.get("encoding");
            home = worker;
        }
        return encoding;
    }

    private static Outline[] outlines(Map<String, Object> values) {
        List<?> regions = (List<?>) values.get("regions");
        Outline[] outlines = new Outline[regions.size()];
        for (int i = 0; i < outlines.length; i++) {
            Map<?, ?> region = (Map<?, ?>) regions.get(i);
            List<?> rings = (List<?>) region.get("rings");
            int[][] corners = new int[rings.size()][];
            for (int j = 0; j < corners.length; j++) {
                corners[j] = ((List<?>) rings.get(j)).stream().mapToInt(value -> ((Number) value).intValue()).toArray();
            }
            Object score = region.get("score");
            outlines[i] = new Outline(corners, score == null ? Double.NaN : ((Number) score).doubleValue());
        }
        return outlines;
    }

    private static double fraction(TaskEvent event) {
        return event.maximum > 0 ? (double) event.current / event.maximum : -1;
    }

    private static String words(int count, TaskEvent event) {
        String words = count + " objects found";
        Object skipped = event.info == null ? null : event.info.get("skipped");
        if (skipped instanceof Number && ((Number) skipped).intValue() > 0) {
            words += ", " + event.info.get("points") + " points asked, " + skipped + " skipped";
        }
        return words;
    }
}
