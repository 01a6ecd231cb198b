package org.samj.bridge.setup;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import org.samj.bridge.Segmenter.Progress;
import org.samj.bridge.fetch.Trouble;

/** Takes away what was set up, and nothing else: what people have put into the folder stays. */
final class Removal {

    /** The card first, so that nobody starts what is half gone; then all else by its name. */
    static final String[] OURS = {"worker.json", "host/current", "envs", "cache", "logs", "models/records",
        "models/weights", "models/sources", "models/downloads", "python", "tools", "host"};

    private final Place place;
    private final Progress progress;

    Removal(Place place, Progress progress) {
        this.place = place;
        this.progress = progress;
    }

    /** Everything that can be set up again. */
    void all() throws IOException {
        for (String name : OURS) {
            if (progress.isCancelled()) {
                throw Trouble.cancelled();
            }
            Path path = place.home.resolve(name);
            progress.tell("Removing " + path, -1);
            delete(path);
        }
        ifEmpty(place.home.resolve("models").resolve("incoming"));
        ifEmpty(place.home.resolve("models"));
        progress.tell("SAMJ is removed from " + place.home, -1);
    }

    /** Take an empty folder away. */
    static void ifEmpty(Path folder) throws IOException {
        String[] left = folder.toFile().list();
        if (left != null && left.length == 0) {
            Files.deleteIfExists(folder);
        }
    }

    /** Pythons that nobody uses any more; the one before stays, since another ImageJ may still run it. */
    void oldHosts(Path before) {
        Path now = place.host();
        try (DirectoryStream<Path> folders = Files.newDirectoryStream(place.hosts, Files::isDirectory)) {
            for (Path folder : folders) {
                if (!folder.equals(now) && !folder.equals(before)) {
                    // A child of a program that was killed may still write there: numbers are not used again.
                    delete(folder);
                }
            }
        } catch (IOException error) {
            // It is tried again the next time; nothing depends on it.
        }
    }

    private static void delete(Path path) throws IOException {
        try {
            Files.walkFileTree(path, new SimpleFileVisitor<Path>() {
                @Override
                public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                    remove(file);
                    return FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult postVisitDirectory(Path folder, IOException error) throws IOException {
                    if (error != null) {
                        throw error;
                    }
                    remove(folder);
                    return FileVisitResult.CONTINUE;
                }
            });
        } catch (NoSuchFileException gone) {
            // As it should be.
        }
    }

    private static void remove(Path path) throws IOException {
        try {
            Files.deleteIfExists(path);
        } catch (java.nio.file.AccessDeniedException error) {
            // Windows keeps files that are read-only, which uv's cache links here.
            if (!path.toFile().setWritable(true) || !Files.deleteIfExists(path)) {
                throw error;
            }
        }
    }
}
