package org.samj.bridge.appose;

import static org.junit.Assert.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import org.junit.Test;

public class ExampleTest {

    @Test
    public void theExampleOfTheDocumentationPrintsAnOutline() throws Exception {
        RealWorker.required();
        PrintStream before = System.out;
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        System.setOut(new PrintStream(printed, true, "UTF-8"));
        try {
            Example.main(new String[0]);
        } finally {
            System.setOut(before);
        }
        String text = printed.toString("UTF-8");
        assertTrue(text, text.matches("(?s)x0, y0, x1, y1, \\.\\.\\.: \\[\\d+(, \\d+){7,}\\].*"));
    }
}
