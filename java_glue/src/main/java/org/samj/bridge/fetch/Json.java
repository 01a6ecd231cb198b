package org.samj.bridge.fetch;

import groovy.json.JsonSlurper;

/** JSON, by the reader that Appose brings. */
public final class Json {

    private Json() {
    }

    /** Maps, lists, texts, numbers, booleans and null. */
    public static Object read(String text) {
        // It finds its parts by the thread's class loader: threads of an ImageJ have another one, or none.
        Thread here = Thread.currentThread();
        ClassLoader before = here.getContextClassLoader();
        here.setContextClassLoader(JsonSlurper.class.getClassLoader());
        try {
            return new JsonSlurper().parseText(text);
        } finally {
            here.setContextClassLoader(before);
        }
    }
}
