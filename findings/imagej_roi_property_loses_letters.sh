#!/usr/bin/env bash
# finding: a property of a ROI loses its backslashes and doubles its accents each time that ImageJ itself opens and saves the ROI: text is written
#   as it is, and read as Java's properties files, in which a backslash is an escape and bytes are Latin-1
# guess: a property that setProperty took is the same after saving and opening
# with: ImageJ 1.54p
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mvn -q -B -Dstyle.color=never dependency:copy -Dartifact=net.imagej:ij:1.54p -DoutputDirectory="$work"
cat > Seen.java <<'JAVA'
import ij.gui.Roi;
import ij.io.RoiDecoder;
import ij.io.RoiEncoder;

public class Seen {
    static Roi again(Roi roi) {
        return RoiDecoder.openFromByteArray(RoiEncoder.saveAsByteArray(roi));
    }
    public static void main(String[] none) throws Exception {
        Roi roi = new Roi(0, 0, 9, 9);
        roi.setProperty("path", "C:\\data");
        roi.setProperty("note", "caf\u00e9");
        Roi once = again(roi), twice = again(once);
        System.out.println(once.getProperty("path") + " " + once.getProperty("note").length() + " " + twice.getProperty("note").length());
    }
}
JAVA
seen=$(java -Djava.awt.headless=true -Dfile.encoding=UTF-8 -cp ij-1.54p.jar Seen.java)
echo "ImageJ 1.54p: $seen"
[ "$seen" = "C:data 5 7" ]
