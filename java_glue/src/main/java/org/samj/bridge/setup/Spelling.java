package org.samj.bridge.setup;

import java.nio.charset.Charset;
import java.nio.file.Path;
import org.samj.bridge.SegmenterException;

/** Whether Java can tell other programs the name of a folder: it spells names as the system's language setting says. */
final class Spelling {

    private Spelling() {
    }

    static void check(Path home) {
        String charset = System.getProperty("sun.jnu.encoding", "UTF-8");
        String name = home.toString();
        boolean fits = !Charset.isSupported(charset) || Charset.forName(charset).newEncoder().canEncode(name);
        if (!fits || name.indexOf('\uFFFD') >= 0) {
            throw new SegmenterException("bad-locale", "Java can't spell the name of the folder " + home + ": the system's"
                + " language setting has " + charset + " only.", "Start ImageJ with LC_ALL=C.UTF-8, or choose a folder in plain"
                + " letters by Java's option -Dsamj.home=FOLDER.");
        }
    }
}
