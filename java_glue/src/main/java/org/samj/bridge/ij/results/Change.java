package org.samj.bridge.ij.results;

import ij.gui.Roi;
import java.util.ArrayList;
import java.util.List;

/** What was done to the ROI Manager in one go, and is taken back in one: outlines that came, and those that went for them. */
public final class Change {

    /** As the manager holds them. */
    final List<Roi> in = new ArrayList<>();
    final List<Roi> out = new ArrayList<>();
    long when;
    /** Whether anything was done. */
    boolean begun;

    Change() {
    }

    /** Whether nothing came and nothing went. */
    public boolean isEmpty() {
        return in.isEmpty() && out.isEmpty();
    }

    /** What happened, as a sentence: to those that came, and to those that went. */
    String words(String came, String went) {
        String back = out.isEmpty() ? "" : out.size() + (out.size() == 1 ? " outline was " : " outlines were ") + went + ".";
        if (in.isEmpty()) {
            return back;
        }
        String first = in.size() == 1 ? in.get(0).getName() + (" was " + came).replace("was in ", "is in ")
            : in.size() + (" outlines were " + came).replace("were in ", "are in ");
        return (first + ". " + back).trim();
    }
}
