package org.samj.bridge.setup;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What a set-up has put where, by its kind and with sizes: for whoever is about to remove it. */
final class Inventory {

    private static final String[] OTHERS = {"models/incoming"};

    private final Place place;

    Inventory(Place place) {
        this.place = place;
    }

    /** What goes and what stays, in sentences. */
    String words() {
        Map<String, String[]> kinds = new LinkedHashMap<>();
        kinds.put("Python and samj-bridge", new String[] {"python", "tools", "host"});
        kinds.put("what the networks run in", new String[] {"envs"});
        kinds.put("installed models", new String[] {"models/records", "models/weights", "models/sources", "models/downloads"});
        kinds.put("kept images and logs", new String[] {"cache", "logs"});
        long all = 0;
        List<String> parts = new ArrayList<>();
        for (Map.Entry<String, String[]> kind : kinds.entrySet()) {
            long bytes = Arrays.stream(kind.getValue()).mapToLong(name -> bytes(place.home.resolve(name))).sum();
            all += bytes;
            if (bytes > 0) {
                parts.add(kind.getKey() + " (" + megabytes(bytes) + ")");
            }
        }
        List<String> kept = kept();
        Path packages = packages();
        return megabytes(all) + " go from " + place.home + (parts.isEmpty() ? "" : ": " + String.join(", ", parts)) + "."
            + (kept.isEmpty() ? "" : " Kept there: " + String.join(", ", kept) + ".")
            + " Your images, ROIs and results are not touched."
            + (Files.isDirectory(packages) ? " The packages that uv keeps in " + packages + " stay too, since other programs"
                + " may use them." : "");
    }

    /** What is not ours in the folder, by its name. */
    private List<String> kept() {
        List<String> names = new ArrayList<>();
        String[] there = place.home.toFile().list();
        there = there == null ? new String[0] : there;
        Arrays.sort(there);
        for (String name : there) {
            boolean ours = name.equals("models") || name.equals("setup.lock") || Arrays.asList(Removal.OURS).contains(name);
            if (!ours) {
                names.add(name);
            }
        }
        for (String name : OTHERS) {
            String[] files = place.home.resolve(name).toFile().list();
            if (files != null && files.length > 0) {
                names.add(name);
            }
        }
        return names;
    }

    /** Where uv keeps packages for all who use it. */
    static Path packages() {
        String own = System.getenv("UV_CACHE_DIR");
        if (own != null && !own.isEmpty()) {
            return Paths.get(own);
        }
        if (Place.WINDOWS) {
            return Paths.get(String.valueOf(System.getenv("LOCALAPPDATA")), "uv", "cache");
        }
        String cache = System.getenv("XDG_CACHE_HOME");
        return (cache == null || cache.isEmpty() ? Paths.get(System.getProperty("user.home"), ".cache") : Paths.get(cache))
            .resolve("uv");
    }

    /** Bytes of all files below; what is linked to from there is somebody else's. */
    private static long bytes(Path folder) {
        long[] sum = {0};
        try {
            Files.walkFileTree(folder, new SimpleFileVisitor<Path>() {
                @Override
                public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                    sum[0] += attributes.isRegularFile() ? attributes.size() : 0;
                    return FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult visitFileFailed(Path file, IOException error) {
                    return FileVisitResult.CONTINUE;
                }
            });
        } catch (IOException gone) {
            // What can't be looked into has no size here; removing it tells why.
            return sum[0];
        }
        return sum[0];
    }

    private static String megabytes(long bytes) {
        return String.format(Locale.ROOT, "%,d MB", Math.round(Math.ceil(bytes / 1e6)));
    }
}
