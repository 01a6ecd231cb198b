package org.samj.bridge;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.Locale;

/** Where samj-bridge keeps everything, as its Python says it, too. */
public final class Home {

    private Home() {
    }

    /** Property {@code samj.home}, variable {@code SAMJ_HOME}, or the system's place for data. */
    public static Path folder() {
        String given = System.getProperty("samj.home", "");
        given = given.isEmpty() ? variable("SAMJ_HOME") : given;
        if (!given.isEmpty()) {
            return path(given);
        }
        String system = System.getProperty("os.name", "").toLowerCase(Locale.ROOT);
        String user = System.getProperty("user.home");
        if (system.startsWith("windows")) {
            String local = variable("LOCALAPPDATA");
            return (local.isEmpty() ? path(user).resolve("AppData").resolve("Local") : path(local)).resolve("samj-bridge");
        }
        if (system.startsWith("mac")) {
            return path(user).resolve("Library").resolve("Application Support").resolve("samj-bridge");
        }
        String data = variable("XDG_DATA_HOME");
        return (data.isEmpty() ? path(user).resolve(".local").resolve("share") : path(data)).resolve("samj-bridge");
    }

    /** Whether a folder is the one that the system gives, which nobody named. */
    public static boolean isDefault(Path home) {
        return System.getProperty("samj.home", "").isEmpty() && variable("SAMJ_HOME").isEmpty() && home.equals(folder());
    }

    /** Where the settings of a home are: in it, or where it is the system's, among the user's own. */
    public static Path settings(Path home) {
        Path folder = home;
        String system = System.getProperty("os.name", "").toLowerCase(Locale.ROOT);
        if (isDefault(home) && !system.startsWith("windows") && !system.startsWith("mac")) {
            String config = variable("XDG_CONFIG_HOME");
            folder = (config.isEmpty() ? path(System.getProperty("user.home")).resolve(".config") : path(config))
                .resolve("samj-bridge");
        }
        return folder.resolve("settings.toml");
    }

    /**
     * A folder by its name, absolute.
     *
     * @throws SegmenterException {@code bad-locale}: Java can't spell it under this system's language setting
     */
    public static Path path(String name) {
        try {
            return Paths.get(name).toAbsolutePath();
        } catch (InvalidPathException error) {
            throw unspeakable(name);
        }
    }

    /** What to say of a folder whose name Java can't spell. */
    public static SegmenterException unspeakable(String name) {
        return new SegmenterException("bad-locale", "Java can't spell the name of the folder " + name + ": the system's"
            + " language setting has " + System.getProperty("sun.jnu.encoding") + " only.", "Start ImageJ with"
            + " LC_ALL=C.UTF-8, or choose a folder in plain letters by Java's option -Dsamj.home=FOLDER.");
    }

    private static String variable(String name) {
        String value = System.getenv(name);
        return value == null ? "" : value;
    }
}
