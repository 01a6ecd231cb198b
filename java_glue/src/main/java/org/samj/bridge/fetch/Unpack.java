package org.samj.bridge.fetch;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;

/** One file out of an archive: of a wheel or a zip, or of a tar.gz. */
public final class Unpack {

    private static final int BLOCK = 512;

    private Unpack() {
    }

    /**
     * Take the first file of a name out of an archive, whatever folder it is in.
     *
     * @throws IOException it is not in there, or the archive is damaged
     */
    public static void one(Path archive, String name, Path target) throws IOException {
        Files.createDirectories(target.getParent());
        Path half = target.resolveSibling(target.getFileName() + ".half");
        try (InputStream stream = new BufferedInputStream(Files.newInputStream(archive))) {
            InputStream found = archive.getFileName().toString().endsWith(".gz") ? inTar(new GZIPInputStream(stream), name)
                : inZip(new ZipInputStream(stream), name);
            Files.copy(found, half, StandardCopyOption.REPLACE_EXISTING);
        }
        Files.move(half, target, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
    }

    private static InputStream inZip(ZipInputStream zip, String name) throws IOException {
        for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
            if (!entry.isDirectory() && last(entry.getName()).equals(name)) {
                return zip;
            }
        }
        throw new IOException("there is no " + name + " in it");
    }

    private static InputStream inTar(InputStream tar, String name) throws IOException {
        DataInputStream in = new DataInputStream(tar);
        byte[] header = new byte[BLOCK];
        while (true) {
            try {
                in.readFully(header);
            } catch (EOFException end) {
                throw new IOException("there is no " + name + " in it");
            }
            String entry = text(header, 0, 100);
            String digits = text(header, 124, 12).trim();
            if (entry.isEmpty()) {
                throw new IOException("there is no " + name + " in it");
            }
            long size = digits.isEmpty() ? 0 : Long.parseLong(digits, 8);
            boolean isFile = header[156] == '0' || header[156] == 0;
            if (isFile && last(entry).equals(name)) {
                return new Part(in, size);
            }
            for (long left = (size + BLOCK - 1) / BLOCK; left > 0; left--) {
                in.readFully(header);
            }
        }
    }

    private static String text(byte[] block, int start, int length) {
        int end = start;
        while (end < start + length && block[end] != 0) {
            end++;
        }
        return new String(block, start, end - start, StandardCharsets.UTF_8);
    }

    private static String last(String path) {
        return path.substring(path.lastIndexOf('/') + 1);
    }

    /** So many bytes of a stream. */
    private static final class Part extends InputStream {

        private final InputStream all;
        private long left;

        Part(InputStream all, long left) {
            this.all = all;
            this.left = left;
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] target, int start, int length) throws IOException {
            if (left == 0) {
                return -1;
            }
            int count = all.read(target, start, (int) Math.min(length, left));
            if (count < 0) {
                throw new EOFException("the archive ends early");
            }
            left -= count;
            return count;
        }
    }
}
