package org.samj.bridge.appose;

import static org.junit.Assert.assertNull;
import static org.junit.Assume.assumeTrue;

import org.samj.bridge.Home;
import org.samj.bridge.SegmenterException;

/** The environment that samj-bridge made on this machine; tests that need it are skipped with the reason without. */
public final class RealWorker {

    private static ApposeSegmenter shared;

    private RealWorker() {
    }

    /** Skip the test where {@code samj.home} or {@code SAMJ_HOME} names no home; fail where no skip is allowed. */
    public static void required() {
        String reason = null;
        if (System.getProperty("samj.home") == null && System.getenv("SAMJ_HOME") == null) {
            reason = "there is no environment to test with: name samj-bridge's home by -Dsamj.home or SAMJ_HOME";
        } else {
            try {
                Card.read(Home.folder());
            } catch (SegmenterException error) {
                reason = error.sentence();
            }
        }
        if ("1".equals(System.getenv("SAMJ_TEST_NO_SKIPS"))) {
            assertNull(reason, reason);
        }
        assumeTrue(String.valueOf(reason), reason == null);
    }

    /** One segmenter for all tests: starting its worker takes seconds. */
    static synchronized ApposeSegmenter shared() {
        required();
        if (shared == null) {
            shared = new ApposeSegmenter();
        }
        return shared;
    }
}
