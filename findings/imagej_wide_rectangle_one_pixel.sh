#!/usr/bin/env bash
# finding: a rectangle that begins left of x = 60,000 and ends right of 65,535 comes back from ImageJ's own ROI file one pixel wide: its
#   16-bit bounds have wrapped, and the floating-point bounds beside them are written only where x itself is beyond the limit
# guess: what ImageJ writes it reads back; since 1.52 the format has floating-point bounds for large images
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
        Roi roi = new Roi(50000, 10, 20000, 5);
        System.out.println(roi.getBounds().width + " " + again(roi).getBounds().width);
    }
}
JAVA
seen=$(java -Djava.awt.headless=true -Dfile.encoding=UTF-8 -cp ij-1.54p.jar Seen.java)
echo "ImageJ 1.54p: $seen"
[ "$seen" = "20000 1" ]
