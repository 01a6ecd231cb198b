package org.samj.bridge.setup;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.samj.bridge.Segmenter.Progress;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.fetch.Facts;
import org.samj.bridge.fetch.Options;

/** What uv says, for people. */
final class Uv {

    private static final Pattern MISSING = Pattern.compile("(\\S+) was not found in the cache");

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
    static SegmenterException error(String last, String doing, boolean offline) {
        String low = last.toLowerCase(Locale.ROOT);
        String words = last.replaceAll("(?m)^\\s*[×│├╰─▶>]+\\s*", "").replaceAll("\\s*\\R\\s*", " ").replaceAll("(?<=//)[^/@ ]*@", "")
            .trim();
        String message = "It failed while " + doing + ": " + words;
        if (low.contains("no space left") || low.contains("os error 28") || low.contains("os error 112")) {
            return new SegmenterException("no-space", "The disk became full while " + doing + ".", "Make room (SAMJ needs "
                + Facts.SIZE + "), then press the button again.");
        }
        if (low.contains("network was disabled") || low.contains("network is disabled")
            || low.contains("network connectivity")) {
            return keptOffline(last, doing, offline);
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

    /** It calls that a puzzle without a solution, which nobody takes for a missing network. */
    private static SegmenterException keptOffline(String last, String doing, boolean offline) {
        Matcher missing = MISSING.matcher(last);
        return new SegmenterException("offline", (offline ? "SAMJ" : "uv") + " may not use the network, and what is needed for "
            + doing + " was never downloaded here" + (missing.find() ? " (" + missing.group(1) + " is not in uv's cache)" : "")
            + ".", (offline ? "Take offline out of settings.toml (SAMJ_OFFLINE)" : "Unset UV_OFFLINE") + ", and press the button"
            + " again; or copy the folder " + Inventory.packages() + " from a computer like this one where SAMJ was set up.");
    }
}
