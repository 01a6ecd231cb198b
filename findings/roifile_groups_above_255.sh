#!/usr/bin/env bash
# finding: roifile writes ROI groups above 255 into a field that ImageJ 1.54p never looks at: the ROI has no group there, and no complaint
# guess: ImageJ's groups go up to 255, so that roifile refuses more, or ImageJ shows a wrong group
# with: roifile 2026.2.10, ImageJ 1.54p
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mvn -q -B -Dstyle.color=never dependency:copy -Dartifact=net.imagej:ij:1.54p -DoutputDirectory="$work"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check roifile==2026.2.10 numpy==2.2.6
env/bin/python - <<'PYTHON'
import roifile
for group in (200, 300):
    roi = roifile.ImagejRoi.frompoints([[1, 1], [9, 1], [9, 9], [1, 9]], name=f"group {group}")
    roi.group = group
    roi.tofile(f"{group}.roi")
    print(f"roifile {roifile.__version__} wrote {group} and reads {roifile.ImagejRoi.fromfile(f'{group}.roi').group}")
PYTHON
cat > Seen.java <<'JAVA'
public class Seen {
    public static void main(String[] files) throws Exception {
        for (String file : files) System.out.print(new ij.io.RoiDecoder(file).getRoi().getGroup() + " ");
    }
}
JAVA
# ImageJ also says that the colours of groups are missing, which come with its full download.
seen=$(java -Djava.awt.headless=true -cp ij-1.54p.jar Seen.java 200.roi 300.roi | tail -n 1)
echo "ImageJ 1.54p reads: $seen"
[ "$seen" = "200 0 " ]
