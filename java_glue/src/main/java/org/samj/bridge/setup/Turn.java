package org.samj.bridge.setup;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.samj.bridge.Segmenter.Progress;
import org.samj.bridge.fetch.Trouble;

/** One program's turn to change things; the system ends it with the program, however that ends. */
final class Turn implements AutoCloseable {

    private static final int POLL_MS = 100;

    private final FileChannel channel;
    private final boolean waited;

    private Turn(FileChannel channel, boolean waited) {
        this.channel = channel;
        this.waited = waited;
    }

    /** Wait for it. */
    static Turn take(Path file, Progress progress) throws IOException {
        FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        boolean taken = false;
        try {
            boolean waited = false;
            while (true) {
                FileLock lock;
                try {
                    lock = channel.tryLock();
                } catch (OverlappingFileLockException ours) {
                    lock = null;
                }
                if (lock != null) {
                    taken = true;
                    return new Turn(channel, waited);
                }
                if (!waited) {
                    progress.tell("Another ImageJ is setting SAMJ up: waiting for it", -1);
                }
                waited = true;
                if (progress.isCancelled()) {
                    throw Trouble.cancelled();
                }
                Thread.sleep(POLL_MS);
            }
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
            throw Trouble.cancelled();
        } finally {
            if (!taken) {
                channel.close();
            }
        }
    }

    /** Whether somebody else had it before. */
    boolean waited() {
        return waited;
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
