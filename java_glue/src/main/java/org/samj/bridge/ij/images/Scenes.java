package org.samj.bridge.ij.images;

import ij.ImagePlus;
import java.util.HashMap;
import java.util.Map;
import java.util.WeakHashMap;
import org.samj.bridge.Pixels;
import org.samj.bridge.Segmenter;

/** The encodings of planes, made when first needed. Used on the worker's thread only. */
public final class Scenes {

    /** Pixels of scenes that are kept; each scene has a copy of its own beside its encoding. */
    private static final long BUDGET = 1L << 28;

    private final Segmenter segmenter;
    private final long budget;
    private final Map<ImagePlus, Map<String, Entry>> known = new WeakHashMap<>();
    private String model = "";
    private long turn;
    private volatile Runnable encoded = () -> { };

    /** None yet. */
    public Scenes(Segmenter segmenter) {
        this(segmenter, BUDGET);
    }

    Scenes(Segmenter segmenter, long budget) {
        this.segmenter = segmenter;
        this.budget = budget;
    }

    /** Who is called after an image was encoded, on the worker's thread. */
    public void whenEncoded(Runnable listener) {
        encoded = listener;
    }

    /** The encoding of a plane as it is now; made again when its pixels or its display range have changed. */
    public Segmenter.Scene of(Plane plane, String wanted, Segmenter.Progress progress) {
        if (!wanted.equals(model)) {
            // A segmenter may have one model at a time, and its scenes go with it.
            forget();
            model = wanted;
        }
        Pixels pixels = plane.pixels();
        long sum = Plane.sum(pixels);
        Map<String, Entry> planes = known.computeIfAbsent(plane.imp, imp -> new HashMap<>());
        String key = plane.key();
        Entry entry = planes.get(key);
        if (entry != null && entry.sum == sum) {
            entry.used = ++turn;
            return entry.scene;
        }
        Segmenter.Scene scene = segmenter.encode(model, pixels, progress);
        if (entry != null) {
            entry.scene.close();
        }
        planes.put(key, new Entry(sum, scene, scene.readsParts() ? 0 : (long) pixels.width * pixels.height, ++turn));
        makeRoom();
        encoded.run();
        return scene;
    }

    /** Let go of the scenes that were used longest ago: a time lapse has more planes than memory has room for. */
    private void makeRoom() {
        long total = 0;
        for (Map<String, Entry> planes : known.values()) {
            total += planes.values().stream().mapToLong(entry -> entry.pixels).sum();
        }
        while (total > budget) {
            Map<String, Entry> from = null;
            String oldest = "";
            for (Map<String, Entry> planes : known.values()) {
                for (Map.Entry<String, Entry> plane : planes.entrySet()) {
                    if (from == null || plane.getValue().used < from.get(oldest).used) {
                        from = planes;
                        oldest = plane.getKey();
                    }
                }
            }
            if (from == null || from.get(oldest).used == turn) {
                // A single image that is larger than all this is what the user wants.
                return;
            }
            Entry gone = from.remove(oldest);
            total -= gone.pixels;
            gone.scene.close();
        }
    }

    /** The encoding of a plane as it was when last asked for; null: there is none. */
    public Segmenter.Scene known(Plane plane, String wanted) {
        Map<String, Entry> planes = wanted.equals(model) ? known.get(plane.imp) : null;
        Entry entry = planes == null ? null : planes.get(plane.key());
        return entry == null ? null : entry.scene;
    }

    /** Free all encodings. */
    public void forget() {
        for (Map<String, Entry> planes : known.values()) {
            planes.values().forEach(entry -> entry.scene.close());
        }
        known.clear();
    }

    /** Free the encodings of an image that was closed. */
    public void forget(ImagePlus imp) {
        Map<String, Entry> planes = known.remove(imp);
        if (planes != null) {
            planes.values().forEach(entry -> entry.scene.close());
        }
    }

    private static final class Entry {
        final long sum;
        final Segmenter.Scene scene;
        final long pixels;
        long used;

        Entry(long sum, Segmenter.Scene scene, long pixels, long used) {
            this.sum = sum;
            this.scene = scene;
            this.pixels = pixels;
            this.used = used;
        }
    }
}
