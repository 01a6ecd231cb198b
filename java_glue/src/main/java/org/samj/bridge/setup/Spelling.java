package org.samj.bridge.setup;

import java.nio.charset.Charset;
import java.nio.file.Path;
import org.samj.bridge.Home;

/** Whether Java can tell other programs the name of a folder: it spells names as the system's language setting says. */
final class Spelling {

    private Spelling() {
    }

    static void check(Path home) {
        String charset = System.getProperty("sun.jnu.encoding", "UTF-8");
        String name = home.toString();
        boolean fits = !Charset.isSupported(charset) || Charset.forName(charset).newEncoder().canEncode(name);
        if (!fits || name.indexOf('\uFFFD') >= 0) {
            throw Home.unspeakable(name);
        }
    }
}
