package org.samj.bridge.ij;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import ij.IJ;
import ij.ImagePlus;
import ij.Macro;
import ij.WindowManager;
import ij.gui.Roi;
import ij.process.ByteProcessor;
import java.io.File;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.Arrays;
import org.junit.After;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;
import org.samj.bridge.Outline;
import org.samj.bridge.Segmenter;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.appose.Pictures;
import org.samj.bridge.appose.RealWorker;
import org.samj.bridge.ij.commands.EverythingCommand;
import org.samj.bridge.ij.commands.SegmentCommand;
import org.samj.bridge.ij.rois.Rings;

/** Commands in an ImageJ without Python and without windows. */
public class BridgeTest {

    @Rule
    public TemporaryFolder folder = new TemporaryFolder();

    private final String home = System.getProperty("samj.home");

    @After
    public void asBefore() {
        Bridge.uninstall();
        if (home == null) {
            System.clearProperty("samj.home");
        } else {
            System.setProperty("samj.home", home);
        }
    }

    @Test
    public void aMacroSegmentsWithoutPython() {
        RealWorker.required();
        ImagePlus imp = picture();
        assertFalse(Bridge.isInstalled());
        run(imp, SegmentCommand.class, "model=starter box=79,19,121,61");
        assertTrue(Bridge.isInstalled());
        Roi roi = imp.getRoi();
        assertNotNull(roi);
        assertEquals(1, imp.getOverlay().size());
        assertEquals("starter", roi.getProperty("model"));
        int[][] rings = Rings.of(roi).toArray(new int[0][]);
        assertTrue(Pictures.overlap(new Outline(rings, 1), Pictures.DISCS[1]) > 0.85);
        imp.deleteRoi();
        imp.setOverlay(null);
        run(imp, EverythingCommand.class, "model=starter");
        for (int[] disc : Pictures.DISCS) {
            assertTrue(Arrays.stream(imp.getOverlay().toArray()).anyMatch(object -> object.contains(disc[0], disc[1])));
        }
    }

    @Test
    public void withoutSetUpNothingIsFetchedUnaskedAndTheWayIsTold() {
        System.setProperty("samj.home", new File(folder.getRoot(), "none").getPath());
        Segmenter segmenter = Bridge.required().segmenter;
        SegmenterException error = assertThrows(SegmenterException.class, () -> segmenter.prepare("starter", null));
        assertEquals("not-set-up", error.code());
        assertTrue(error.hint(), error.hint().contains("Press Set up in the SAMJ panel"));
        assertTrue(error.hint(), error.hint().contains("java -jar SAMJ_Bridge.jar"));
        assertEquals("starter", segmenter.models()[0].id);
        assertFalse(segmenter.models()[0].installed);
        assertFalse(new File(folder.getRoot(), "none").exists());
    }

    @Test
    public void withoutApposeTheJarStillWorksAndSaysBothWaysOut() throws Exception {
        URL own = Bridge.class.getProtectionDomain().getCodeSource().getLocation();
        URL imagej = IJ.class.getProtectionDomain().getCodeSource().getLocation();
        ClassLoader java = ClassLoader.getSystemClassLoader().getParent();
        try (URLClassLoader bare = new URLClassLoader(new URL[] {own, imagej}, java)) {
            Method required = bare.loadClass(Bridge.class.getName()).getDeclaredMethod("required");
            required.setAccessible(true);
            Throwable error = assertThrows(InvocationTargetException.class, () -> required.invoke(null)).getCause();
            String sentence = (String) error.getClass().getMethod("sentence").invoke(error);
            assertTrue(sentence, sentence.contains("Appose is not there"));
            assertTrue(sentence, sentence.contains("samj-bridge fiji"));
            assertTrue(sentence, sentence.contains("Take SAMJ_Bridge.jar from a release"));
        }
    }

    /** What ImageJ does for {@code run("SAMJ ...", options)}; its list of commands is a menu, which needs windows. */
    private static void run(ImagePlus imp, Class<?> command, String options) {
        Thread here = Thread.currentThread();
        String name = here.getName();
        WindowManager.setTempCurrentImage(imp);
        // By this name ImageJ knows the threads whose commands have options.
        here.setName("Run$_" + command.getSimpleName());
        Macro.setOptions(options);
        try {
            IJ.runPlugIn(command.getName(), "");
        } finally {
            Macro.setOptions(null);
            here.setName(name);
            WindowManager.setTempCurrentImage(null);
        }
    }

    private static ImagePlus picture() {
        byte[] pixels = (byte[]) Pictures.bytes().array;
        return new ImagePlus("discs", new ByteProcessor(Pictures.WIDTH, Pictures.HEIGHT, pixels));
    }
}
