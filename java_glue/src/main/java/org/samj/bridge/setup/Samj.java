package org.samj.bridge.setup;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.samj.bridge.Home;
import org.samj.bridge.Segmenter.Progress;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.fetch.Json;

/** The command {@code samj-bridge} of the Python that Java has made: its answers as data, its errors as ours. */
final class Samj {

    private static final String PROGRAM = "from samj_bridge.cli.main import main; main()";

    private final Place place;
    private final Map<String, String> network;

    Samj(Place place, Map<String, String> network) {
        this.place = place;
        this.network = network;
    }

    /**
     * Run a command.
     *
     * @param arguments without {@code --json}
     * @return {@code data} of its answer
     */
    Map<?, ?> run(Progress progress, String... arguments) {
        if (place.host() == null) {
            throw new SegmenterException("not-set-up", "SAMJ is not set up on this computer.", "Press Set up in the panel.");
        }
        List<String> command = new ArrayList<>();
        // Not the script in its folder: its first line has the path of the interpreter, and may be too long.
        command.addAll(Arrays.asList(Place.interpreter(place.host()).toString(), "-I", "-X", "utf8", "-c", PROGRAM));
        command.addAll(Arrays.asList(arguments));
        command.add("--json");
        Map<String, String> variables = new HashMap<>(network);
        if (!Home.isDefault(place.home)) {
            variables.put("SAMJ_HOME", place.home.toString());
        }
        Child child = Child.run(command, place.home, variables, line -> tell(line, progress), progress);
        Map<?, ?> answer;
        try {
            answer = (Map<?, ?>) Json.read(child.output);
            if (Boolean.TRUE.equals(answer.get("ok"))) {
                return (Map<?, ?>) answer.get("data");
            }
        } catch (RuntimeException none) {
            throw new SegmenterException("no-answer", "samj-bridge " + arguments[0] + " ended with exit code " + child.code
                + " and gave no answer." + (child.last.isEmpty() ? "" : " Its last words: " + child.last),
                "Choose Repair in the panel.");
        }
        throw error(answer);
    }

    private static SegmenterException error(Map<?, ?> answer) {
        List<?> errors = answer.get("errors") instanceof List ? (List<?>) answer.get("errors") : Collections.emptyList();
        if (errors.isEmpty()) {
            return new SegmenterException("failed", answer.get("command") + " failed.", "");
        }
        Map<?, ?> first = (Map<?, ?>) errors.get(0);
        Object hint = first.get("hint");
        return new SegmenterException(String.valueOf(first.get("code")), String.valueOf(first.get("message")),
            hint == null ? "" : hint.toString());
    }

    private static void tell(String line, Progress progress) {
        if (!line.startsWith("{\"progress\"")) {
            return;
        }
        try {
            Map<?, ?> event = (Map<?, ?>) ((Map<?, ?>) Json.read(line)).get("progress");
            double done = ((Number) event.get("done")).doubleValue();
            Number total = (Number) event.get("total");
            boolean known = total != null && total.doubleValue() > 0;
            progress.tell(words(event, done, known ? total.doubleValue() : -1), known ? Math.min(1, done
                / total.doubleValue()) : -1);
        } catch (RuntimeException odd) {
            // A line that is no event: nobody has to know.
        }
    }

    /** A step in a line, with its bytes; of a download its speed, too, and no file's name: there is no room for it. */
    private static String words(Map<?, ?> event, double done, double total) {
        String message = String.valueOf(event.get("message"));
        if (!"bytes".equals(event.get("unit"))) {
            return message;
        }
        String bytes = Math.round(done / 1e6) + (total > 0 ? " of " + Math.round(total / 1e6) : "") + " MB";
        if ("download".equals(event.get("stage")) && done > 0) {
            int rest = message.indexOf(": ");
            return rest < 0 ? bytes : bytes + ", " + message.substring(rest + 2);
        }
        return message.contains(" MB") ? message : message + ": " + bytes;
    }
}
