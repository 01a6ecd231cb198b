package org.samj.bridge.ij.work;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import java.awt.EventQueue;
import java.lang.reflect.InvocationTargetException;
import java.util.ArrayList;
import java.util.List;
import org.junit.After;
import org.junit.Test;
import org.samj.bridge.Segmenter;

/** Whoever looks on can't end the work. */
public class WorkTest {

    /** As one of Python's is when Python has ended. */
    private static final class Unspeakable extends RuntimeException {
        @Override
        public String getMessage() {
            throw new IllegalStateException("nobody is there to ask");
        }
    }

    private final Work work = new Work();
    private final Talk talk = new Talk();

    @After
    public void asBefore() {
        Log.read(line -> { });
        work.close();
    }

    private static void eventsAreDone() throws InterruptedException, InvocationTargetException {
        EventQueue.invokeAndWait(() -> { });
    }

    @Test
    public void aReaderOfTheLogThatThrowsEndsNeitherTheThreadNorTheLog() {
        Log.read(line -> {
            throw new IllegalStateException("the panel is gone");
        });
        work.later(() -> {
            throw new IllegalArgumentException("a job that fails");
        });
        assertEquals(7, (int) work.call(() -> 7));
        assertTrue(Log.all(), Log.all().contains("a job that fails"));
        assertTrue(Log.all(), Log.all().contains("could not be shown: java.lang.IllegalStateException"));
        List<String> seen = new ArrayList<>();
        Log.read(seen::add);
        Log.add("and on it goes");
        assertEquals(1, seen.size());
    }

    @Test
    public void anErrorThatHasNoWordsIsToldAllTheSame() throws Exception {
        List<String> told = new ArrayList<>();
        talk.tellTo(told::add);
        work.later(() -> {
            throw new Unspeakable();
        });
        work.call(() -> {
            talk.fail(new Unspeakable());
            return null;
        });
        eventsAreDone();
        assertTrue(Log.all(), Log.all().contains(Unspeakable.class.getName()));
        assertTrue(told.toString(), told.get(told.size() - 1).contains("Something unexpected happened: Unspeakable"));
    }

    @Test
    public void aPanelThatThrowsStopsNothingThatIsToldToIt() throws Exception {
        talk.tellTo(message -> {
            throw new IllegalStateException("the panel is gone");
        });
        Segmenter.Progress progress = talk.progress();
        int done = work.call(() -> {
            progress.tell("in the middle", 0.5);
            progress.tell("no idea how far", -1);
            return 3;
        });
        assertEquals(3, done);
        eventsAreDone();
        assertFalse(progress.isCancelled());
        List<String> told = new ArrayList<>();
        talk.tellTo(told::add);
        EventQueue.invokeAndWait(() -> talk.say("there is another panel"));
        assertEquals("[there is another panel]", told.toString());
    }

    @Test
    public void whatAListenerOfImageJsThrowsIsToldAndGoesNoFurther() throws Exception {
        List<String> told = new ArrayList<>();
        talk.tellTo(told::add);
        EventQueue.invokeAndWait(() -> talk.guarded(() -> {
            throw new IllegalStateException("a click that failed");
        }));
        eventsAreDone();
        assertTrue(told.toString(), told.get(0).contains("a click that failed"));
    }
}
