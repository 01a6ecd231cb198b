package org.samj.bridge.fetch;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.samj.bridge.Home;

/**
 * The settings of samj-bridge that Java needs before there is a Python to read them: variables, then
 * {@code settings.toml}. A program that was started from a desktop has no variables of a shell, so the file counts.
 */
public final class Options {

    private static final Pattern LINE = Pattern.compile("\\s*([a-z_]+)\\s*=\\s*(?:\"([^\"]*)\"|'([^']*)'|([^\\s#]+))\\s*(#.*)?");

    private final Map<String, String> file = new HashMap<>();
    private final Map<String, String> variables;

    public Options(Path settings, Map<String, String> variables) {
        this.variables = variables;
        try {
            String text = new String(Files.readAllBytes(settings), StandardCharsets.UTF_8);
            for (String line : text.split("\\R")) {
                Matcher match = LINE.matcher(line.replace("\uFEFF", ""));
                if (match.matches()) {
                    String value = match.group(2) != null ? match.group(2).replace("\\\\", "\\")
                        : match.group(3) != null ? match.group(3) : match.group(4);
                    file.put(match.group(1), value);
                }
            }
        } catch (IOException none) {
            // Most people have no such file; one that can't be read is told by Python, in words.
        }
    }

    /** Those that hold now. */
    public static Options now(Path home) {
        return new Options(Home.settings(home), System.getenv());
    }

    /** A setting by its name in the file; empty: it is not set. */
    public String get(String name) {
        String value = variables.get("SAMJ_" + name.toUpperCase(Locale.ROOT));
        return value != null ? value.trim() : file.getOrDefault(name, "");
    }

    /** Whether the network must not be used. */
    public boolean offline() {
        return get("offline").toLowerCase(Locale.ROOT).matches("1|true|yes|on");
    }

    /** The package index of the user's or the laboratory's own, as samj-bridge, uv or pip are told it; empty: PyPI. */
    public String index() {
        String own = get("pypi_index");
        for (String name : new String[] {"UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"}) {
            own = own.isEmpty() ? variable(name) : own;
        }
        return own;
    }

    /** A variable; empty: it is not set. */
    public String variable(String name) {
        String value = variables.get(name);
        return value == null ? "" : value.trim();
    }
}
