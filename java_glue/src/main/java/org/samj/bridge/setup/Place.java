package org.samj.bridge.setup;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.nio.file.StandardCopyOption;
import java.util.Map;
import org.samj.bridge.fetch.Facts;
import org.samj.bridge.fetch.Json;
import org.samj.bridge.setup.SetUp.State;

/** What lies where in samj-bridge's home folder, of what Java puts there. */
final class Place {

    /** Version of this jar, and of the samj-bridge that belongs to it. */
    static final String VERSION = Facts.get("version");
    /** Whether this is a Windows. */
    static final boolean WINDOWS = java.io.File.separatorChar == '\\';

    private static final String CURRENT = "current";
    private static final String MARKER = "samj-host.json";

    /** Everything's folder. */
    final Path home;
    /** Pythons with samj-bridge in them, a folder each, and the name of the one in use. */
    final Path hosts;
    /** Programs that were fetched. */
    final Path tools;
    /** Pythons as uv installs them. */
    final Path pythons;
    private final Path card;

    Place(Path home) {
        this.home = home;
        this.hosts = home.resolve("host");
        this.tools = home.resolve("tools");
        this.pythons = home.resolve("python");
        this.card = home.resolve("worker.json");
    }

    /** What there is. */
    State state() {
        Path host = host();
        if (Files.isRegularFile(card)) {
            String written = written();
            if (written == null) {
                return State.BROKEN;
            }
            // Somebody may have set it up with a Python of her own: that is as good. Of an update that was killed, the new
            // Python may be there, and the card still of the old one.
            return host != null && (older(version(), VERSION) || older(written, VERSION)) ? State.OUTDATED : State.READY;
        }
        return host != null || isFilled(hosts) || isFilled(tools) ? State.UNFINISHED : State.ABSENT;
    }

    /** The folder in use; null: there is none that was finished. */
    Path host() {
        String name = read(hosts.resolve(CURRENT));
        if (name.isEmpty() || !Files.isRegularFile(hosts.resolve(name).resolve(MARKER))) {
            return null;
        }
        // A Python of the system's that it was based on may be gone.
        return Files.isRegularFile(interpreter(hosts.resolve(name))) ? hosts.resolve(name) : null;
    }

    /** Version of the samj-bridge in use; empty: Java has made none. */
    String version() {
        Path host = host();
        return host == null ? "" : host.getFileName().toString().split("-")[0];
    }

    /** Whether a version is less than another. */
    static boolean older(String version, String other) {
        String[] these = version.split("[.]");
        String[] those = other.split("[.]");
        for (int i = 0; i < Math.max(these.length, those.length); i++) {
            int difference = number(these, i) - number(those, i);
            if (difference != 0) {
                return difference < 0;
            }
        }
        return false;
    }

    /** Interpreter of a Python that has its own folder. */
    static Path interpreter(Path folder) {
        return WINDOWS ? folder.resolve("Scripts").resolve("python.exe") : folder.resolve("bin").resolve("python");
    }

    /** A number that no folder of this version has had. */
    int nextNumber() {
        String[] names = hosts.toFile().list();
        int number = 1;
        for (String name : names == null ? new String[0] : names) {
            if (name.matches(java.util.regex.Pattern.quote(VERSION) + "-\\d+")) {
                number = Math.max(number, 1 + Integer.parseInt(name.substring(VERSION.length() + 1)));
            }
        }
        return number;
    }

    /** Make the finished folder the one in use: its marker first, then the one-line file that names it. */
    void use(Path host) throws IOException {
        write(host.resolve(MARKER), "{\"version\": \"" + VERSION + "\"}\n");
        write(hosts.resolve(CURRENT), host.getFileName() + "\n");
    }

    /** A file, as a whole or not at all. */
    static void write(Path file, String text) throws IOException {
        Path half = file.resolveSibling(file.getFileName() + ".half");
        Files.write(half, text.getBytes(StandardCharsets.UTF_8));
        Files.move(half, file, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
    }

    /** Whether a folder has something of a set-up; what a person put there by hand is none. */
    private static boolean isFilled(Path folder) {
        String[] names = folder.toFile().list();
        return names != null && java.util.Arrays.stream(names).anyMatch(name -> !name.matches(".*[.](whl|gz|zip)"));
    }

    private static int number(String[] parts, int index) {
        String digits = index < parts.length ? parts[index].replaceAll("[^0-9].*", "") : "";
        return digits.isEmpty() ? 0 : Integer.parseInt(digits);
    }

    /** Version of the samj-bridge that wrote the card; null: it is damaged, or what it names is not there. */
    private String written() {
        try {
            Map<?, ?> values = (Map<?, ?>) Json.read(read(card));
            boolean whole = Files.isRegularFile(Paths.get((String) values.get("python")))
                && Files.isRegularFile(Paths.get((String) values.get("bundle")));
            return whole ? (String) values.get("version") : null;
        } catch (RuntimeException damaged) {
            return null;
        }
    }

    private static String read(Path file) {
        try {
            return new String(Files.readAllBytes(file), StandardCharsets.UTF_8).trim();
        } catch (IOException none) {
            return "";
        }
    }
}
