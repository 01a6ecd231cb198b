package org.samj.bridge.ij;

import ij.ImagePlus;
import java.util.HashMap;
import java.util.Map;
import java.util.WeakHashMap;
import org.samj.bridge.Pixels;
import org.samj.bridge.Segmenter;

/** The encodings of planes, made when first needed. Used on the worker's thread only. */
final class Scenes {

    private final Segmenter segmenter;
    private final Map<ImagePlus, Map<String, Entry>> known = new WeakHashMap<>();

    Scenes(Segmenter segmenter) {
        this.segmenter = segmenter;
    }

    /** The encoding of a plane as it is now; made again when its pixels or its display range have changed. */
    Segmenter.Scene of(Plane plane, String model, Segmenter.Progress progress) {
        Pixels pixels = plane.pixels();
        long sum = Plane.sum(pixels);
        Map<String, Entry> planes = known.computeIfAbsent(plane.imp, imp -> new HashMap<>());
        String key = model + " " + plane.key();
        Entry entry = planes.get(key);
        if (entry != null && entry.sum == sum) {
            return entry.scene;
        }
        Segmenter.Scene scene = segmenter.encode(model, pixels, progress);
        if (entry != null) {
            entry.scene.close();
        }
        planes.put(key, new Entry(sum, scene));
        return scene;
    }

    /** The encoding of a plane as it was when last asked for; null: there is none. */
    Segmenter.Scene known(Plane plane, String model) {
        Map<String, Entry> planes = known.get(plane.imp);
        Entry entry = planes == null ? null : planes.get(model + " " + plane.key());
        return entry == null ? null : entry.scene;
    }

    /** Free the encodings of an image that was closed. */
    void forget(ImagePlus imp) {
        Map<String, Entry> planes = known.remove(imp);
        if (planes != null) {
            planes.values().forEach(entry -> entry.scene.close());
        }
    }

    private static final class Entry {
        final long sum;
        final Segmenter.Scene scene;

        Entry(long sum, Segmenter.Scene scene) {
            this.sum = sum;
            this.scene = scene;
        }
    }
}
