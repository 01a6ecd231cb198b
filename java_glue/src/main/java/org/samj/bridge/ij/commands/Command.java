package org.samj.bridge.ij.commands;

import ij.IJ;
import ij.ImagePlus;
import ij.Macro;
import ij.WindowManager;
import ij.macro.Interpreter;
import java.awt.GraphicsEnvironment;
import java.util.function.Consumer;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.ij.Bridge;
import org.samj.bridge.ij.work.Desk;
import org.samj.bridge.ij.work.Log;

/** What the commands for menus and macros have in common: the image that they work on, and how errors are told. */
final class Command {

    /** What a command does. */
    interface Task {
        /**
         * Do it.
         *
         * @param options as in a macro's run(); empty: none were given
         */
        void on(ImagePlus imp, String options);
    }

    private Command() {
    }

    /** Do something that needs no image; errors are told and end the macro or script that called. */
    static void runWithout(Consumer<String> task) {
        try {
            String options = Macro.getOptions();
            task.accept(options == null ? "" : options);
        } catch (SegmenterException error) {
            tell(error);
        }
    }

    /** Do something with the current image; errors are told and end the macro or script that called. */
    static void run(Task task) {
        try {
            // ImageJ's own way to ask for it ends the whole program where there are neither windows nor images.
            ImagePlus imp = WindowManager.getCurrentImage();
            if (imp == null) {
                throw new SegmenterException("no-image", "There is no image open.", "Open one first.");
            }
            String options = Macro.getOptions();
            task.on(imp, options == null ? "" : options);
        } catch (SegmenterException error) {
            tell(error);
        }
    }

    /**
     * Tell an error. A dialog opens only where a person waits for it: for a command from the menu, and for a macro that
     * she runs, as ImageJ does it. Batch mode, scripts and an ImageJ without windows have it in ImageJ's log.
     */
    private static void tell(SegmenterException error) {
        if (!Bridge.isInstalled() && "cancelled".equals(error.code())) {
            // ImageJ was closed, or SAMJ taken out of it: nobody is there to be told, and a dialog would stay.
            Log.add(error);
            throw new RuntimeException(Macro.MACRO_CANCELED);
        }
        Desk desk = Bridge.isInstalled() ? Bridge.running() : null;
        if (desk == null) {
            Log.add(error);
        } else {
            desk.talk.fail(error);
        }
        Interpreter macro = Interpreter.getInstance();
        boolean alone = GraphicsEnvironment.isHeadless() || Interpreter.isBatchMode();
        if (macro != null && alone) {
            IJ.log("SAMJ: " + error.sentence());
            macro.setIgnoreErrors(true);
            macro.abort(error.sentence());
            throw new RuntimeException(Macro.MACRO_CANCELED);
        }
        if (alone || macro == null && IJ.macroRunning()) {
            IJ.redirectErrorMessages();
        }
        IJ.error("SAMJ", error.sentence());
    }
}
