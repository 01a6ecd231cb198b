package org.samj.bridge.fetch;

import java.io.IOException;
import java.net.ConnectException;
import java.net.NoRouteToHostException;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.ReadOnlyFileSystemException;
import java.util.Locale;
import javax.net.ssl.SSLException;
import org.samj.bridge.SegmenterException;

/** What goes wrong with networks, disks and rights, in words. */
public final class Trouble {

    private static final String AGAIN = "Then press the button again: what has come is kept.";

    private Trouble() {
    }

    /**
     * A download that failed.
     *
     * @param what what was fetched, such as "uv 0.12.9"
     * @param byHand what a person can do instead, in a sentence
     */
    public static SegmenterException network(IOException error, String what, String byHand) {
        String text = String.valueOf(error.getMessage());
        if (error instanceof Net.HttpStatus) {
            int status = ((Net.HttpStatus) error).status;
            if (status == 407) {
                return proxyPassword(text);
            }
            return made(error, "no-download", what + " could not be fetched: " + text + ".",
                status == 401 || status == 403 ? "The server wants a name and a password, or refuses this address: give an"
                    + " index of your own in settings.toml (pypi_index). " + byHand : byHand);
        }
        if (text.contains("407") || text.contains("Proxy Authentication Required")) {
            return proxyPassword(text);
        }
        if (error instanceof SSLException) {
            return made(error, "not-trusted", what + " could not be fetched: the server's certificate is not trusted ("
                + text + ").", "Is the computer's clock right? A company that looks into connections has a certificate of its"
                + " own: ask for it as a file, and name it in settings.toml (ca_bundle = \"FILE\"). " + byHand);
        }
        if (error instanceof UnknownHostException || error instanceof ConnectException
            || error instanceof NoRouteToHostException || error instanceof SocketTimeoutException) {
            return made(error, "no-network", what + " could not be fetched: there is no connection ("
                + error.getClass().getSimpleName().replace("Exception", "") + ": " + text + ").",
                "Look whether the computer is online. Behind a proxy: Edit > Options > Proxy Settings in ImageJ, or proxy in"
                + " settings.toml. " + AGAIN + " " + byHand);
        }
        return made(error, "no-download", what + " could not be fetched: " + text + ".", AGAIN + " " + byHand);
    }

    /** Something with files that failed. */
    public static SegmenterException disk(IOException error, String doing) {
        String text = String.valueOf(error.getMessage());
        String reason = error instanceof FileSystemException ? String.valueOf(((FileSystemException) error).getReason())
            : text;
        String low = (reason + " " + text).toLowerCase(Locale.ROOT);
        if (low.contains("no space") || low.contains("not enough space") || low.contains("quota")) {
            return made(error, "no-space", "The disk became full while " + doing + ".",
                "Make room (SAMJ needs " + Facts.SIZE + "), or choose another folder by Java's option -Dsamj.home=FOLDER. "
                + AGAIN);
        }
        if (error instanceof AccessDeniedException || low.contains("permission") || low.contains("denied")
            || low.contains("read-only")) {
            return made(error, "no-permission", "This is not allowed: " + doing + " (" + text + ").",
                "Choose a folder that is yours by SAMJ_HOME or Java's option -Dsamj.home=FOLDER.");
        }
        return made(error, "disk", "It failed while " + doing + ": " + error + ".", AGAIN);
    }

    /** The same, of a file system that says so at once. */
    public static SegmenterException disk(ReadOnlyFileSystemException error, String doing) {
        return disk(new IOException("read-only file system"), doing);
    }

    /** Somebody wants it to stop. */
    public static SegmenterException cancelled() {
        return new SegmenterException("cancelled", "Stopped on request. What has come so far is kept.", "");
    }

    private static SegmenterException proxyPassword(String text) {
        return new SegmenterException("proxy-password", "The proxy wants a name and a password (" + text + ").",
            "Write in settings.toml: proxy = \"http://NAME:PASSWORD@HOST:PORT\", with signs such as @ as %40. " + AGAIN);
    }

    private static SegmenterException made(Throwable cause, String code, String message, String hint) {
        SegmenterException error = new SegmenterException(code, message, hint);
        error.initCause(cause);
        return error;
    }
}
