#!/usr/bin/env bash
# finding: roifile writes a ROI's properties and group into the file, but until its releases of 2026 (which need Python 3.11) it says by
#   default that the file is of version 217 of the format. ImageJ looks for properties from 224 and for groups from 228 on, finds
#   neither, and says nothing. With version=228 given, it finds both
# guess: fields that roifile writes are found by ImageJ, whatever release wrote them
# with: roifile 2025.12.12, roifile 2026.2.10, ImageJ 1.54p
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mvn -q -B -Dstyle.color=never dependency:copy -Dartifact=net.imagej:ij:1.54p -DoutputDirectory="$work"
cat > write.py <<'PYTHON'
import sys
import roifile

name, version = sys.argv[1], int(sys.argv[2])
given = {"version": version} if version else {}
roi = roifile.ImagejRoi(roitype=roifile.ROI_TYPE.RECT, left=1, top=2, right=9, bottom=8, name="cell", group=7, **given)
roi.props = "class: axon\n"
roi.tofile(name)
PYTHON
cat > Seen.java <<'JAVA'
import ij.gui.Roi;
import ij.io.RoiDecoder;

public class Seen {
    public static void main(String[] names) throws Exception {
        for (String name : names) {
            Roi roi = new RoiDecoder(name).getRoi();
            System.out.println(name + " " + roi.getName() + " " + roi.getProperty("class") + " " + roi.getGroup());
        }
    }
}
JAVA
for release in 2025.12.12 2026.2.10; do
    python3 -m venv "env-$release"
    "env-$release/bin/pip" install --quiet --disable-pip-version-check "roifile==$release" numpy==2.2.6
    "env-$release/bin/python" write.py "$release.roi" 0
    "env-$release/bin/python" write.py "$release-said.roi" 228
done
seen=$(java -Djava.awt.headless=true -cp ij-1.54p.jar:. Seen.java 2025.12.12.roi 2025.12.12-said.roi 2026.2.10.roi 2026.2.10-said.roi | grep -v "^LUT")
echo "ImageJ 1.54p (file, name, property, group):"
echo "$seen"
[ "$seen" = "2025.12.12.roi cell null 0
2025.12.12-said.roi cell axon 7
2026.2.10.roi cell axon 7
2026.2.10-said.roi cell axon 7" ]
