package org.samj.bridge.appose;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.nio.file.StandardOpenOption;
import org.samj.bridge.SegmenterException;

/**
 * An array's elements in a file, for as long as a worker reads it. On Linux that file is in memory; elsewhere the system
 * keeps a file that lives for a second in its cache. Java can't make shared memory without native code.
 */
final class SentFile implements AutoCloseable {

    /** Start of the files' names. */
    static final String PREFIX = "samj_java_";
    private static final Path IN_MEMORY = Paths.get("/dev/shm");
    private static final int AT_ONCE = 1 << 22;

    /** The file. */
    final Path path;

    private SentFile(Path path) {
        this.path = path;
    }

    /** A new file with these elements, in the machine's byte order. Only this user can read it. */
    static SentFile of(Object array, int bytesPerElement) {
        long bytes = (long) java.lang.reflect.Array.getLength(array) * bytesPerElement;
        SegmenterException why = null;
        Path temporary = Paths.get(System.getProperty("java.io.tmpdir"));
        for (Path folder : Files.isDirectory(IN_MEMORY) ? new Path[] {IN_MEMORY, temporary} : new Path[] {temporary}) {
            try {
                // Linux gives pages when they are written: where there are few left, others would feel it.
                long free = Files.getFileStore(folder).getUsableSpace();
                if (bytes > free) {
                    why = full(bytes, folder, free / 1_000_000 + " MB are free");
                    continue;
                }
                SentFile made = new SentFile(Files.createTempFile(folder, PREFIX, ".raw"));
                boolean whole = false;
                try {
                    made.write(array, bytesPerElement);
                    whole = true;
                    return made;
                } finally {
                    if (!whole) {
                        made.close();
                    }
                }
            } catch (IOException error) {
                why = full(bytes, folder, error.toString());
            }
        }
        throw why;
    }

    /** Remove the file. */
    @Override
    public void close() {
        try {
            Files.deleteIfExists(path);
        } catch (IOException error) {
            // Something still reads it, as a scanner of viruses does: at the latest it goes when this program does.
            path.toFile().deleteOnExit();
        }
    }

    private void write(Object array, int size) throws IOException {
        int length = java.lang.reflect.Array.getLength(array);
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
            ByteBuffer buffer = ByteBuffer.allocateDirect(Math.max(size, (int) Math.min((long) length * size, AT_ONCE)))
                .order(ByteOrder.nativeOrder());
            int step = buffer.capacity() / size;
            for (int start = 0; start < length; start += step) {
                int count = Math.min(step, length - start);
                buffer.clear();
                if (array instanceof byte[]) {
                    buffer.put((byte[]) array, start, count);
                } else if (array instanceof short[]) {
                    buffer.asShortBuffer().put((short[]) array, start, count);
                } else {
                    buffer.asFloatBuffer().put((float[]) array, start, count);
                }
                buffer.position(0);
                buffer.limit(count * size);
                while (buffer.hasRemaining()) {
                    channel.write(buffer);
                }
            }
        }
    }

    private static SegmenterException full(long bytes, Path folder, String reason) {
        return new SegmenterException("image-too-large", "The image, " + Math.max(1, bytes / 1_000_000)
            + " MB, can't be handed over in " + folder + " (" + reason + ").",
            "Make space there, use a smaller image, or in a container give more: docker run --shm-size=2g.");
    }
}
