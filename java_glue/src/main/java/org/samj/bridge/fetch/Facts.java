package org.samj.bridge.fetch;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.util.Locale;
import java.util.Properties;
import org.samj.bridge.SegmenterException;

/** What a release knows of itself and of the uv that it fetches, written down when the jar was made. */
public final class Facts {

    /** What a set-up takes on the disk, in words. */
    public static final String SIZE = "about 1.5 GB (up to 6 GB where only PyTorch's build for GPUs can be had)";

    private static final Properties ALL = load();

    private Facts() {
    }

    /** A fact by its name. */
    public static String get(String name) {
        String value = ALL.getProperty(name);
        if (value == null) {
            throw new IllegalArgumentException("no " + name);
        }
        return value;
    }

    /** This computer, as the facts call it: {@code linux-x86_64}. */
    public static String platform() {
        return platform(System.getProperty("os.name", ""), System.getProperty("os.arch", ""),
            new File("/lib").list((folder, name) -> name.startsWith("ld-musl-")) );
    }

    /** The same, of a computer that Java describes so; an Alpine has musl's loader in {@code /lib}. */
    public static String platform(String system, String processor, String[] musl) {
        String os = system.toLowerCase(Locale.ROOT);
        String name = os.startsWith("windows") ? "windows" : os.startsWith("mac") ? "macos" : os;
        String arch = processor.equals("amd64") ? "x86_64" : processor.equals("arm64") ? "aarch64" : processor;
        if (ALL.getProperty(name + "-" + arch + ".wheel") == null) {
            throw new SegmenterException("unsupported-platform", "There is no PyTorch for this computer (" + system + ", "
                + processor + "), or this Java runs in an emulation of another one.",
                "Use a Java of 64 bits on Linux, macOS or Windows.");
        }
        if (name.equals("linux") && musl != null && musl.length > 0 && !new File("/lib64/ld-linux-x86-64.so.2").exists()) {
            throw new SegmenterException("unsupported-platform", "This Linux has musl (Alpine), for which there is no"
                + " PyTorch.", "Use a Linux with glibc, such as Debian, or a container of one.");
        }
        return name + "-" + arch;
    }

    private static Properties load() {
        Properties facts = new Properties();
        try (InputStream stream = Facts.class.getResourceAsStream("facts.properties")) {
            facts.load(stream);
        } catch (IOException error) {
            throw new IllegalStateException(error);
        }
        return facts;
    }
}
