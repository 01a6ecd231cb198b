package org.samj.bridge.appose;

import groovy.json.JsonSlurper;
import java.io.IOException;
import java.util.concurrent.Callable;
import org.apposed.appose.Service;

/**
 * Appose, and Groovy which it brings, find their parts by the thread's class loader. The threads of an ImageJ that has
 * them among its plugins have another one, and those that Python makes have none.
 */
final class Loader {

    private Loader() {
    }

    /** Do something with Appose. */
    static <T> T with(Callable<T> work) throws IOException {
        Thread here = Thread.currentThread();
        ClassLoader before = here.getContextClassLoader();
        here.setContextClassLoader(Service.class.getClassLoader());
        try {
            return work.call();
        } catch (IOException | RuntimeException error) {
            throw error;
        } catch (Exception error) {
            throw new IllegalStateException(error);
        } finally {
            here.setContextClassLoader(before);
        }
    }

    /** Read JSON. */
    static Object json(String text) {
        try {
            return with(() -> new JsonSlurper().parseText(text));
        } catch (IOException error) {
            throw new IllegalArgumentException(error);
        }
    }
}
