package org.samj.bridge.setup;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;
import org.samj.bridge.setup.SetUp.State;

/** What lies where in samj-bridge's home folder, of what Java puts there. */
final class Place {

    /** Version of this jar, and of the samj-bridge that belongs to it. */
    static final String VERSION = property("version");
    /** What a set-up takes on the disk, in words. */
    static final String SIZE = "about 1.5 GB (up to 6 GB where only PyTorch's build for GPUs can be had)";

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
        this.pythons = home.resolve("pythons");
        this.card = home.resolve("worker.json");
    }

    /** What there is. */
    State state() {
        Path host = host();
        if (Files.isRegularFile(card)) {
            // Somebody may have set it up with a Python of her own: that is as good.
            return host != null && older(version(), VERSION) ? State.OUTDATED : State.READY;
        }
        return host != null || Files.isDirectory(hosts) || Files.isDirectory(tools) ? State.UNFINISHED : State.ABSENT;
    }

    /** The folder in use; null: there is none that was finished. */
    Path host() {
        String name = read(hosts.resolve(CURRENT));
        return name.isEmpty() || !Files.isRegularFile(hosts.resolve(name).resolve(MARKER)) ? null : hosts.resolve(name);
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

    /** A fact that Maven wrote down when it made the jar. */
    static String property(String name) {
        Properties facts = new Properties();
        try (InputStream stream = Place.class.getResourceAsStream("facts.properties")) {
            facts.load(stream);
        } catch (IOException error) {
            throw new IllegalStateException(error);
        }
        return facts.getProperty(name);
    }

    private static int number(String[] parts, int index) {
        String digits = index < parts.length ? parts[index].replaceAll("[^0-9].*", "") : "";
        return digits.isEmpty() ? 0 : Integer.parseInt(digits);
    }

    private static String read(Path file) {
        try {
            return new String(Files.readAllBytes(file), StandardCharsets.UTF_8).trim();
        } catch (IOException none) {
            return "";
        }
    }
}
