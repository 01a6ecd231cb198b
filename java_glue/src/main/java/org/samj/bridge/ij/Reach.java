package org.samj.bridge.ij;

import ij.IJ;
import java.lang.reflect.Field;
import java.net.URL;
import java.net.URLClassLoader;

/**
 * ImageJ's class loader, made to know our classes where they came into Java by another way: those that are there
 * already, not a second copy of them, which would know nothing of the segmenter.
 */
final class Reach extends URLClassLoader {

    private static final String OURS = "org.samj.bridge.";
    /** Where ImageJ 1.x keeps its class loader, and where ImageJ2's patch of it does. */
    private static final String[] FIELDS = {"classLoader", "_classLoader"};

    private final ClassLoader ours;

    private Reach(URL[] urls, ClassLoader parent, ClassLoader ours) {
        super(urls, parent);
        this.ours = ours;
    }

    /** Let ImageJ find our classes by their names, if it would not. */
    static void extend(String example) {
        if (isOurs(example)) {
            return;
        }
        ClassLoader own = IJ.getClassLoader();
        ClassLoader parent = own == null ? IJ.class.getClassLoader() : own;
        // Whoever looks at its folders finds them.
        URL[] urls = parent instanceof URLClassLoader ? ((URLClassLoader) parent).getURLs() : new URL[0];
        ClassLoader both = new Reach(urls, parent, Reach.class.getClassLoader());
        for (String name : FIELDS) {
            try {
                Field field = IJ.class.getDeclaredField(name);
                field.setAccessible(true);
                field.set(null, both);
            } catch (ReflectiveOperationException | RuntimeException absent) {
                // One of them is there, as a rule. That none was is seen by who asks for unknown commands.
                continue;
            }
        }
    }

    /** Whether ImageJ finds this very class by its name. */
    static boolean isOurs(String name) {
        ClassLoader own = IJ.getClassLoader();
        try {
            return own != null && own.loadClass(name).getClassLoader() == Reach.class.getClassLoader();
        } catch (ClassNotFoundException | LinkageError absent) {
            return false;
        }
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        return name.startsWith(OURS) ? ours.loadClass(name) : super.loadClass(name, resolve);
    }
}
