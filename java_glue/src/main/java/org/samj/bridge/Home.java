package org.samj.bridge;

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
            return Paths.get(given).toAbsolutePath();
        }
        String system = System.getProperty("os.name", "").toLowerCase(Locale.ROOT);
        String user = System.getProperty("user.home");
        if (system.startsWith("windows")) {
            String local = variable("LOCALAPPDATA");
            return (local.isEmpty() ? Paths.get(user, "AppData", "Local") : Paths.get(local)).resolve("samj-bridge");
        }
        if (system.startsWith("mac")) {
            return Paths.get(user, "Library", "Application Support", "samj-bridge");
        }
        String data = variable("XDG_DATA_HOME");
        return (data.isEmpty() ? Paths.get(user, ".local", "share") : Paths.get(data)).resolve("samj-bridge");
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
            folder = (config.isEmpty() ? Paths.get(System.getProperty("user.home"), ".config") : Paths.get(config))
                .resolve("samj-bridge");
        }
        return folder.resolve("settings.toml");
    }

    private static String variable(String name) {
        String value = System.getenv(name);
        return value == null ? "" : value;
    }
}
