package org.samj.bridge.fetch;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.After;
import org.junit.Before;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;
import org.samj.bridge.Segmenter.Progress;
import org.samj.bridge.SegmenterException;

/** Files from a server on this machine, which misbehaves as real ones do. */
public class DownloadTest {

    private static final String FILE = "uv-1.0-py3-none-any.whl";
    private static final byte[] CONTENT = new byte[400_000];

    @Rule
    public TemporaryFolder folder = new TemporaryFolder();

    private final List<String> asked = Collections.synchronizedList(new ArrayList<>());
    private final Map<String, String> variables = new HashMap<>();
    private final Quiet progress = new Quiet();
    static {
        // Before the classes that read them: a server of this test that hangs up is waited for as long as others.
        System.setProperty("samj.read_ms", "1500");
        System.setProperty("samj.pause_ms", "50");
    }

    private HttpServer server;
    private Path target;
    private String sha256;
    private volatile int cuts;
    private volatile int answers = 200;
    private volatile boolean ranges = true;
    private volatile byte[] served = CONTENT;

    @Before
    public void serve() throws IOException {
        new Random(7).nextBytes(CONTENT);
        target = folder.getRoot().toPath().resolve("é 漢").resolve(FILE);
        Files.createDirectories(target.getParent());
        Path whole = folder.newFile().toPath();
        Files.write(whole, CONTENT);
        sha256 = Download.sha256(whole);
        server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
        server.createContext("/", this::answer);
        server.start();
    }

    @After
    public void stop() {
        server.stop(0);
    }

    @Test
    public void aFileComesByTheIndexsJsonAndHasItsNameAtTheEnd() throws IOException {
        fetch(index("/json"));
        assertArrayEquals(CONTENT, Files.readAllBytes(target));
        assertEquals(Collections.singletonList(FILE), names());
        assertTrue(progress.last, progress.last.contains("0.4 MB"));
    }

    @Test
    public void aFileComesByTheIndexsHtml() throws IOException {
        fetch(index("/html"));
        assertArrayEquals(CONTENT, Files.readAllBytes(target));
    }

    @Test
    public void aConnectionThatBreaksThreeTimesIsGoneOnWith() throws IOException {
        cuts = 3;
        fetch(index("/json"));
        assertArrayEquals(CONTENT, Files.readAllBytes(target));
        assertEquals(3, asked.stream().filter(line -> line.contains("Range")).count());
    }

    @Test
    public void whatCameBeforeAKillIsUsedAgainAndAServerWithoutRangesSendsAll() throws IOException {
        for (boolean goesOn : new boolean[] {true, false}) {
            ranges = goesOn;
            Files.deleteIfExists(target);
            Files.write(part(), Arrays.copyOf(CONTENT, 123_456));
            fetch(index("/json"));
            assertArrayEquals(CONTENT, Files.readAllBytes(target));
        }
        assertTrue(asked.toString(), asked.contains("/files/" + FILE + " Range bytes=123456-"));
    }

    @Test
    public void whatHadComeAsAWholeIsNotAskedForAgain() throws IOException {
        Files.write(part(), CONTENT);
        fetch(index("/json"));
        assertArrayEquals(CONTENT, Files.readAllBytes(target));
        assertEquals(Collections.emptyList(), asked);
    }

    @Test
    public void aPartOfSomethingElseIsReplaced() throws IOException {
        Files.write(part(), new byte[CONTENT.length + 5]);
        fetch(index("/json"));
        assertArrayEquals(CONTENT, Files.readAllBytes(target));
    }

    @Test
    public void aWrongFileNeverGetsTheName() throws IOException {
        served = new byte[CONTENT.length];
        SegmenterException error = fails(index("/json"));
        assertEquals("hash-mismatch", error.code());
        assertEquals(Collections.emptyList(), names());
    }

    @Test
    public void aSecondSourceIsAskedWhereTheFirstOneHasItNot() throws IOException {
        fetch(index("/none"), index("/json"));
        assertArrayEquals(CONTENT, Files.readAllBytes(target));
    }

    @Test
    public void aCancelKeepsWhatCameAndAsksNobodyElse() throws IOException {
        progress.stopAfter = 1;
        SegmenterException error = fails(index("/json"), index("/html"));
        assertEquals("cancelled", error.code());
        assertFalse(asked.toString().contains("/html"));
        progress.stopAfter = Integer.MAX_VALUE;
        fetch(index("/json"));
        assertArrayEquals(CONTENT, Files.readAllBytes(target));
    }

    @Test
    public void troubleIsToldInWordsWithWhatAPersonCanDo() throws IOException {
        answers = 404;
        SegmenterException error = fails(index("/json"));
        assertEquals("no-download", error.code());
        assertTrue(error.sentence(), error.sentence().contains("404") && error.sentence().endsWith("By hand."));
        answers = 407;
        assertEquals("proxy-password", fails(index("/json")).code());
        server.stop(0);
        error = fails(index("/json"));
        assertEquals("no-network", error.code());
        assertTrue(error.hint(), error.hint().contains("Proxy Settings") && error.hint().endsWith("By hand."));
        error = fails(new Index(net(), "http://there-is-no-such-host.invalid/simple", "uv", FILE));
        assertEquals("no-network", error.code());
        variables.put("SAMJ_OFFLINE", "1");
        assertEquals("offline", fails(index("/json")).code());
    }

    @Test
    public void nameAndPasswordOfAnIndexAreSentToItAndShownToNobody() throws IOException {
        String base = "http://me:se%40cret@127.0.0.1:" + server.getAddress().getPort();
        fetch(new Index(net(), base + "/private", "uv", FILE));
        assertArrayEquals(CONTENT, Files.readAllBytes(target));
        Files.delete(target);
        answers = 500;
        SegmenterException error = fails(new Index(net(), base + "/private", "uv", FILE));
        assertFalse(error.sentence(), error.sentence().contains("cret"));
    }

    @Test
    public void theProxyOfTheSettingsIsAskedWithItsPasswordAndNoProxyIsKept() throws IOException {
        variables.put("SAMJ_PROXY", "http://you:p%20w@127.0.0.1:" + server.getAddress().getPort());
        fetch(new Index(net(), "http://pypi.example/json", "uv", FILE));
        assertArrayEquals(CONTENT, Files.readAllBytes(target));
        String basic = Base64.getEncoder().encodeToString("you:p w".getBytes(StandardCharsets.UTF_8));
        assertTrue(asked.toString(), asked.toString().contains("Proxy Basic " + basic));
        assertEquals(variables.get("SAMJ_PROXY"), net().variables().get("HTTPS_PROXY"));
        variables.clear();
        variables.put("http_proxy", "http://127.0.0.1:1");
        variables.put("NO_PROXY", "example.org, 127.0.0.1");
        Files.delete(target);
        fetch(index("/json"));
        variables.remove("NO_PROXY");
        assertEquals("no-network", fails(index("/html")).code());
        variables.put("SAMJ_PROXY", "not a proxy");
        assertEquals("bad-proxy", fails(index("/json")).code());
    }

    @Test
    public void imagejsOwnProxyIsUsedAndHandedOn() throws IOException {
        String before = System.getProperty("http.proxyHost");
        String port = String.valueOf(server.getAddress().getPort());
        try {
            for (String protocol : new String[] {"http", "https"}) {
                // As ij.ImageJ sets them.
                System.setProperty(protocol + ".proxyHost", "127.0.0.1");
                System.setProperty(protocol + ".proxyPort", port);
            }
            fetch(new Index(net(), "http://pypi.example/json", "uv", FILE));
            assertArrayEquals(CONTENT, Files.readAllBytes(target));
            assertEquals("http://127.0.0.1:" + port, net().variables().get("HTTPS_PROXY"));
        } finally {
            for (String protocol : new String[] {"http", "https"}) {
                System.clearProperty(protocol + ".proxyHost");
                System.clearProperty(protocol + ".proxyPort");
            }
            if (before != null) {
                System.setProperty("http.proxyHost", before);
            }
        }
    }

    private void answer(HttpExchange exchange) throws IOException {
        String path = exchange.getRequestURI().getPath();
        String range = exchange.getRequestHeaders().getFirst("Range");
        String proxy = exchange.getRequestHeaders().getFirst("Proxy-Authorization");
        asked.add(path + (range == null ? "" : " Range " + range) + (proxy == null ? "" : " Proxy " + proxy));
        String secret = "Basic " + Base64.getEncoder().encodeToString("me:se@cret".getBytes(StandardCharsets.UTF_8));
        if (path.startsWith("/private") && !secret.equals(exchange.getRequestHeaders().getFirst("Authorization"))) {
            send(exchange, 401, new byte[0], 0);
        } else if (answers != 200 || path.startsWith("/none")) {
            send(exchange, answers == 200 ? 404 : answers, new byte[0], 0);
        } else if (path.startsWith("/html")) {
            send(exchange, 200, ("<a href='other.whl'>o</a><a data-x=\"y\" href=\"../../files/" + FILE
                + "#sha256=0\">f</a>").getBytes(StandardCharsets.UTF_8), 0);
        } else if (path.startsWith("/json") || path.startsWith("/private")) {
            send(exchange, 200, ("{\"files\": [{\"filename\": \"" + FILE + "\", \"url\": \"../../files/" + FILE + "\"}]}")
                .getBytes(StandardCharsets.UTF_8), 0);
        } else {
            int start = range == null || !ranges ? 0 : Integer.parseInt(range.replaceAll("\\D", ""));
            if (start >= served.length) {
                send(exchange, 416, new byte[0], 0);
                return;
            }
            byte[] rest = Arrays.copyOfRange(served, start, served.length);
            if (start > 0) {
                exchange.getResponseHeaders().set("Content-Range", "bytes " + start + "-" + (served.length - 1) + "/"
                    + served.length);
            }
            send(exchange, start > 0 ? 206 : 200, rest, cuts > 0 ? rest.length / 2 : 0);
            cuts--;
        }
    }

    private static void send(HttpExchange exchange, int status, byte[] body, int only) throws IOException {
        exchange.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
        try (OutputStream out = exchange.getResponseBody()) {
            out.write(body, 0, only > 0 ? only : body.length);
        } catch (IOException cut) {
            // Of a body that was announced and did not come.
        }
        exchange.close();
    }

    private Net net() {
        return new Net(new Options(folder.getRoot().toPath().resolve("none"), variables));
    }

    private Index index(String path) {
        return new Index(net(), "http://127.0.0.1:" + server.getAddress().getPort() + path, "uv", FILE);
    }

    private void fetch(Download.Source... sources) {
        Download.fetch(net(), sources, target, sha256, "uv 1.0", "By hand.", progress);
    }

    private SegmenterException fails(Download.Source... sources) {
        return assertThrows(SegmenterException.class, () -> fetch(sources));
    }

    private Path part() {
        return target.resolveSibling(FILE + ".part");
    }

    private List<String> names() {
        String[] found = target.getParent().toFile().list();
        Arrays.sort(found);
        return Arrays.asList(found);
    }

    private static final class Quiet implements Progress {

        private volatile String last = "";
        private volatile int stopAfter = Integer.MAX_VALUE;
        private int told;

        @Override
        public void tell(String message, double fraction) {
            last = message;
            told++;
        }

        @Override
        public boolean isCancelled() {
            return told >= stopAfter;
        }
    }
}
