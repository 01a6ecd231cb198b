package org.samj.bridge.setup;

import java.util.Locale;
import org.samj.bridge.Segmenter.Progress;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.fetch.Facts;
import org.samj.bridge.fetch.Options;

/** What uv says, for people. */
final class Uv {

    private Uv() {
    }

    /** Tell what it is doing: of its lines those about packages. */
    static void tell(String line, Progress progress) {
        String words = line.trim();
        if (words.matches("(Downloading|Downloaded|Resolved|Prepared|Installed|Building|Built|Updating) .*")) {
            progress.tell(words, -1);
        }
    }

    /** What went wrong, of its last lines. */
    static SegmenterException error(String last, String doing) {
        String low = last.toLowerCase(Locale.ROOT);
        String words = last.replaceAll("(?m)^\\s*[×│├╰─▶>]+\\s*", "").replaceAll("\\s*\\R\\s*", " ").replaceAll("(?<=//)[^/@ ]*@", "")
            .trim();
        String message = "It failed while " + doing + ": " + words;
        if (low.contains("no space left") || low.contains("os error 28") || low.contains("os error 112")) {
            return new SegmenterException("no-space", "The disk became full while " + doing + ".", "Make room (SAMJ needs "
                + Facts.SIZE + "), then press the button again.");
        }
        if (low.contains("os error 13") || low.contains("permission denied") || low.contains("read-only file system")) {
            return new SegmenterException("no-permission", message, "Choose a folder that is yours by SAMJ_HOME or Java's"
                + " option -Dsamj.home=FOLDER.");
        }
        if (low.contains("407")) {
            return new SegmenterException("proxy-password", "The proxy wants a name and a password.", "Write in settings.toml:"
                + " proxy = \"http://NAME:PASSWORD@HOST:PORT\", with signs such as @ as %40.");
        }
        if (low.contains("certificate")) {
            return new SegmenterException("not-trusted", message, "A company that looks into connections has a certificate of"
                + " its own: ask for it as a file, and name it in settings.toml (ca_bundle = \"FILE\").");
        }
        if (low.contains("dns error") || low.contains("error sending request") || low.contains("connect")
            || low.contains("failed to fetch") || low.contains("timed out")) {
            return new SegmenterException("no-network", message, "Look whether the computer is online, and behind a proxy at"
                + " Edit > Options > Proxy Settings in ImageJ. Then press the button again: what has come is kept.");
        }
        return new SegmenterException("uv", message, "Press the button again; if it happens again, send us this message.");
    }
}
