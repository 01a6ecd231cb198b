package org.samj.bridge.fetch;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import org.samj.bridge.Segmenter.Progress;
import org.samj.bridge.SegmenterException;

/** A file from the network that has its name only when it was verified; what has come is used again. */
public final class Download {

    private static final int TRIES = 4;
    private static final long PAUSE_MS = Long.getLong("samj.pause_ms", 1000);

    private Download() {
    }

    /**
     * Fetch a file.
     *
     * @param addresses where it is, one after the other
     * @param sha256 of the whole file
     * @param what what it is, for people
     * @param byHand what a person can do where it can't be fetched
     */
    public static void fetch(Net net, Source[] addresses, Path target, String sha256, String what, String byHand,
            Progress progress) {
        Path part = target.resolveSibling(target.getFileName() + ".part");
        SegmenterException first = null;
        for (Source source : addresses) {
            for (int left = TRIES; left > 0; left--) {
                if (progress.isCancelled()) {
                    throw Trouble.cancelled();
                }
                try {
                    long before = size(part);
                    try {
                        if (before > 0 && sha256(part).equals(sha256)) {
                            // It had come when the last try was ended.
                            Files.move(part, target, StandardCopyOption.REPLACE_EXISTING);
                            return;
                        }
                        receive(net, source.address(), part, what, progress);
                    } catch (IOException broken) {
                        if (size(part) <= before || progress.isCancelled()) {
                            throw broken;
                        }
                        // It went on for a while: the next try goes on from there, for as long as something comes.
                        left = TRIES;
                        continue;
                    }
                    verify(part, sha256, what, source.name());
                    Files.move(part, target, StandardCopyOption.REPLACE_EXISTING);
                    return;
                } catch (java.nio.file.FileSystemException error) {
                    throw Trouble.disk(error, "saving " + target);
                } catch (IOException error) {
                    if (String.valueOf(error.getMessage()).toLowerCase(java.util.Locale.ROOT).contains("space left")) {
                        throw Trouble.disk(error, "saving " + target);
                    }
                    first = first == null ? Trouble.network(error, what, byHand) : first;
                    if (error instanceof Net.HttpStatus || error instanceof java.net.UnknownHostException
                        || error instanceof javax.net.ssl.SSLException) {
                        break;
                    }
                    if (left > 1) {
                        pause(PAUSE_MS << TRIES - left, progress);
                    }
                } catch (SegmenterException refused) {
                    if (refused.code().equals("cancelled")) {
                        throw refused;
                    }
                    first = first == null ? refused : first;
                    break;
                }
            }
        }
        throw first;
    }

    /** SHA-256 of a file. */
    public static String sha256(Path file) throws IOException {
        try (InputStream stream = Files.newInputStream(file)) {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            byte[] buffer = new byte[1 << 16];
            for (int count = stream.read(buffer); count >= 0; count = stream.read(buffer)) {
                digest.update(buffer, 0, count);
            }
            StringBuilder text = new StringBuilder();
            for (byte value : digest.digest()) {
                text.append(String.format("%02x", value));
            }
            return text.toString();
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static void receive(Net net, String address, Path part, String what, Progress progress) throws IOException {
        long start = size(part);
        Map<String, String> headers = new HashMap<>();
        if (start > 0) {
            headers.put("Range", "bytes=" + start + "-");
        }
        HttpURLConnection connection;
        try {
            connection = net.get(address, headers);
        } catch (Net.HttpStatus error) {
            if (start == 0 || error.status != 416) {
                throw error;
            }
            // It is whole already, or of something else: the digest tells, or it begins anew.
            Files.delete(part);
            start = 0;
            connection = net.get(address, Collections.emptyMap());
        }
        boolean goesOn = connection.getResponseCode() == 206
            && String.valueOf(connection.getHeaderField("Content-Range")).startsWith("bytes " + start + "-");
        long done = goesOn ? start : 0;
        long length = connection.getContentLengthLong();
        long total = length < 0 ? -1 : done + length;
        OutputStream out = goesOn ? Files.newOutputStream(part, StandardOpenOption.APPEND) : Files.newOutputStream(part);
        try (InputStream in = connection.getInputStream(); OutputStream file = out) {
            byte[] buffer = new byte[1 << 16];
            long told = 0;
            for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
                file.write(buffer, 0, count);
                done += count;
                if (progress.isCancelled()) {
                    throw Trouble.cancelled();
                }
                if (System.nanoTime() - told > 100_000_000L) {
                    told = System.nanoTime();
                    progress.tell("Fetching " + what + ": " + megabytes(done) + (total < 0 ? "" : " of " + megabytes(total))
                        + " MB", total < 0 ? -1 : (double) done / total);
                }
            }
        } finally {
            connection.disconnect();
        }
        if (total >= 0 && done < total) {
            throw new IOException("the connection ended after " + done + " of " + total + " bytes");
        }
    }

    private static void verify(Path part, String sha256, String what, String from) throws IOException {
        String found = sha256(part);
        if (!found.equals(sha256)) {
            Files.delete(part);
            throw new SegmenterException("hash-mismatch", what + " from " + from + " is not the file that it should be (its"
                + " sha256 is " + found.substring(0, 12) + "..., not " + sha256.substring(0, 12) + "...). It was removed.",
                "Try again. If it happens again, something between you and the server changes files: ask whoever looks after"
                + " your network.");
        }
    }

    private static void pause(long millis, Progress progress) {
        long until = System.nanoTime() + millis * 1_000_000L;
        try {
            while (System.nanoTime() < until && !progress.isCancelled()) {
                Thread.sleep(50);
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw Trouble.cancelled();
        }
    }

    private static long size(Path file) throws IOException {
        return Files.isRegularFile(file) ? Files.size(file) : 0;
    }

    private static String megabytes(long bytes) {
        return String.format(java.util.Locale.ROOT, "%.1f", bytes / 1e6);
    }

    /** Where a file can be had. */
    public interface Source {
        /** Its address, which may have to be asked for first. */
        String address() throws IOException;

        /** Whose it is, for people. */
        String name();
    }
}
