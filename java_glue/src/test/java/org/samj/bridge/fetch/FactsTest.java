package org.samj.bridge.fetch;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;
import org.samj.bridge.SegmenterException;

/** Archives, settings and what a release knows of the uv that it fetches. */
public class FactsTest {

    private static final byte[] CONTENT = new byte[400_000];

    @Rule
    public TemporaryFolder folder = new TemporaryFolder();

    private final Map<String, String> variables = new HashMap<>();

    @Test
    public void oneFileIsTakenOutOfAWheelAndOutOfATar() throws IOException {
        new Random(7).nextBytes(CONTENT);
        Path wheel = folder.getRoot().toPath().resolve("a.whl");
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(wheel))) {
            for (String name : new String[] {"uv/__init__.py", "uv-1.data/scripts/uvx", "uv-1.data/scripts/uv"}) {
                zip.putNextEntry(new ZipEntry(name));
                zip.write(name.endsWith("/uv") ? CONTENT : new byte[9]);
            }
        }
        Path tar = folder.getRoot().toPath().resolve("a.tar.gz");
        try (OutputStream gzip = new GZIPOutputStream(Files.newOutputStream(tar))) {
            tar(gzip, "uv-x/", new byte[0], '5');
            tar(gzip, "uv-x/uvx", new byte[700], '0');
            tar(gzip, "uv-x/uv", CONTENT, '0');
            gzip.write(new byte[1024]);
        }
        for (Path archive : new Path[] {wheel, tar}) {
            Path found = folder.getRoot().toPath().resolve(archive.getFileName() + "-out").resolve("uv");
            Unpack.one(archive, "uv", found);
            assertArrayEquals(CONTENT, Files.readAllBytes(found));
            assertThrows(IOException.class, () -> Unpack.one(archive, "other", found));
            byte[] half = Arrays.copyOf(Files.readAllBytes(archive), (int) Files.size(archive) / 2);
            Files.write(archive, half);
            Files.delete(found);
            assertThrows(IOException.class, () -> Unpack.one(archive, "uv", found));
            assertFalse(Files.exists(found));
        }
    }

    @Test
    public void settingsAreReadFromVariablesThenTheFile() throws IOException {
        Path file = folder.getRoot().toPath().resolve("settings.toml");
        Files.write(file, ("# mine\nproxy = \"http://p:1\"  # yes\noffline = true\npython = 'C:\\py'\n[odd]\nx\n")
            .getBytes(StandardCharsets.UTF_8));
        Options options = new Options(file, variables);
        assertEquals("http://p:1", options.get("proxy"));
        assertEquals("C:\\py", options.get("python"));
        assertTrue(options.offline());
        assertEquals("", options.index());
        variables.put("SAMJ_OFFLINE", "0");
        variables.put("PIP_INDEX_URL", "http://pip");
        assertFalse(options.offline());
        assertEquals("http://pip", options.index());
        variables.put("SAMJ_PYPI_INDEX", "http://samj");
        assertEquals("http://samj", options.index());
    }

    @Test
    public void everyPlatformHasAUvWithHashesAndOthersAreToldWhy() {
        String[][] known = {{"Linux", "amd64"}, {"Linux", "aarch64"}, {"Mac OS X", "x86_64"}, {"Mac OS X", "aarch64"},
            {"Windows 11", "amd64"}, {"Windows 11", "aarch64"}};
        for (String[] one : known) {
            String platform = Facts.platform(one[0], one[1], null);
            assertTrue(Facts.get(platform + ".wheel").startsWith("uv-" + Facts.get("uv") + "-"));
            assertTrue(Facts.get(platform + ".wheel.sha256").matches("[0-9a-f]{64}"));
            assertTrue(Facts.get(platform + ".archive.sha256").matches("[0-9a-f]{64}"));
        }
        assertEquals("unsupported-platform",
            assertThrows(SegmenterException.class, () -> Facts.platform("Windows 10", "x86", null)).code());
        assertTrue(Facts.get("version").matches("[0-9.]+"));
    }

    private static void tar(OutputStream out, String name, byte[] content, char kind) throws IOException {
        ByteArrayOutputStream block = new ByteArrayOutputStream();
        block.write(Arrays.copyOf(name.getBytes(StandardCharsets.UTF_8), 124));
        block.write(String.format("%011o\0", content.length).getBytes(StandardCharsets.UTF_8));
        block.write(Arrays.copyOf("0".getBytes(StandardCharsets.UTF_8), 20));
        block.write(kind);
        out.write(Arrays.copyOf(block.toByteArray(), 512));
        out.write(Arrays.copyOf(content, (content.length + 511) / 512 * 512));
    }
}
