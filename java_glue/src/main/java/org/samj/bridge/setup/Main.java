package org.samj.bridge.setup;

import java.io.PrintStream;
import java.util.concurrent.atomic.AtomicReference;
import org.samj.bridge.Home;
import org.samj.bridge.Segmenter.Progress;
import org.samj.bridge.SegmenterException;

/** The same without a window, for servers: {@code java -jar SAMJ_Bridge.jar [setup|repair|remove|state] [HOME]}. */
public final class Main {

    private static final int USAGE = 2;

    private Main() {
    }

    /** Do what is asked for; what happens is told on standard error, how it ended by the exit code. */
    public static void main(String[] arguments) {
        String job = arguments.length > 0 ? arguments[0] : "setup";
        if (arguments.length > 2 || !job.matches("setup|repair|remove|state")) {
            System.err.println("java -jar SAMJ_Bridge.jar [setup|repair|remove|state] [HOME]");
            System.exit(USAGE);
        }
        try {
            SetUp setUp = new SetUp(arguments.length > 1 ? Home.path(arguments[1]) : Home.folder());
            if (job.equals("state")) {
                System.out.println(setUp.state() + " " + setUp.sentence());
                return;
            }
            Runtime.getRuntime().addShutdownHook(new Thread(setUp::cancelAndWait));
            setUp.run(job.equals("setup") ? setUp.next() : job.equals("repair") ? SetUp.Job.REPAIR : SetUp.Job.REMOVE,
                new Lines(System.err));
            System.out.println(setUp.state() + " " + setUp.sentence());
        } catch (SegmenterException error) {
            System.err.println(error.sentence());
            System.exit(1);
        }
        System.exit(0);
    }

    /** Each new sentence on a line of its own. */
    private static final class Lines implements Progress {

        private final PrintStream out;
        private final AtomicReference<String> last = new AtomicReference<>("");

        Lines(PrintStream out) {
            this.out = out;
        }

        @Override
        public void tell(String message, double fraction) {
            String words = message.replaceFirst(": [0-9.]+( of [0-9.]+)? MB.*", "");
            if (!last.getAndSet(words).equals(words)) {
                out.println(message);
            }
        }

        @Override
        public boolean isCancelled() {
            return false;
        }
    }
}
