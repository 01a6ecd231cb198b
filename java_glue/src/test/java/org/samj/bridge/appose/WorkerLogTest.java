package org.samj.bridge.appose;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

public class WorkerLogTest {

    @Rule
    public TemporaryFolder folder = new TemporaryFolder();

    @Test
    public void theLastWordsAreKeptAndTheFileHasAllOfThem() throws IOException {
        WorkerLog log = new WorkerLog(folder.getRoot().toPath().resolve("logs"));
        for (int i = 0; i < 9; i++) {
            log.add("line " + i + " é漢");
            log.add("  ");
        }
        log.close();
        log.add("too late for the file");
        assertEquals("line 6 é漢", log.last().get(1));
        assertEquals("too late for the file", log.last().get(4));
        assertEquals(18, Files.readAllLines(log.path, StandardCharsets.UTF_8).size());
    }

    @Test
    public void theFileStaysSmall() throws IOException {
        WorkerLog log = new WorkerLog(folder.getRoot().toPath());
        String line = String.join("", Collections.nCopies(1000, "0123456789"));
        for (int i = 0; i < 250; i++) {
            log.add(line);
        }
        log.close();
        long size = Files.size(log.path);
        long before = Files.size(log.path.resolveSibling("worker-java.log.1"));
        assertTrue(size + " " + before, size < 1_100_000 && before < 1_100_000);
    }

    @Test
    public void aFolderThatCannotBeWrittenStopsNothing() throws IOException {
        Path file = folder.newFile().toPath();
        WorkerLog log = new WorkerLog(file.resolve("logs"));
        log.add("one");
        log.add("two");
        assertEquals(Arrays.asList("one", "two"), log.last());
    }
}
