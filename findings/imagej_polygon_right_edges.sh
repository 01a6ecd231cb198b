#!/usr/bin/env bash
# finding: where an edge runs through centres of pixels, ImageJ takes those on right edges and leaves those on left ones: the triangle
#   (0,0) (10,0) (0,10) has 55 pixels, its mirror image 45. scikit-image's polygon2mask takes both, 55 and 55, so that two polygons
#   which share the edge overlap
# guess: both take the usual half-open rule (left edges in, right edges out), 45 and 55, and agree to the pixel
# with: ImageJ 1.54p, scikit-image 0.25.2
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mvn -q -B -Dstyle.color=never dependency:copy -Dartifact=net.imagej:ij:1.54p -DoutputDirectory="$work"
cat > Areas.java <<'JAVA'
import ij.gui.PolygonRoi;
import ij.gui.Roi;

public class Areas {
    static int area(int... xy) {
        int n = xy.length / 2;
        int[] x = new int[n], y = new int[n];
        for (int i = 0; i < n; i++) { x[i] = xy[2 * i]; y[i] = xy[2 * i + 1]; }
        Roi roi = new PolygonRoi(x, y, n, Roi.POLYGON);
        return roi.getStatistics().pixelCount;
    }
    public static void main(String[] none) {
        System.out.println(ij.IJ.getVersion() + " " + area(0, 0, 10, 0, 0, 10) + " " + area(10, 0, 10, 10, 0, 10));
    }
}
JAVA
imagej=$(java -Djava.awt.headless=true -cp ij-1.54p.jar Areas.java)
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check scikit-image==0.25.2 numpy==2.2.6
skimage=$(env/bin/python - <<'PYTHON'
import numpy as np, skimage
from skimage.draw import polygon2mask

def area(corners):  # pixel centres lie on halves in ImageJ's frame, on whole numbers in scikit-image's
    return int(polygon2mask((12, 12), np.array([(y - 0.5, x - 0.5) for x, y in corners])).sum())

print(skimage.__version__, area([(0, 0), (10, 0), (0, 10)]), area([(10, 0), (10, 10), (0, 10)]))
PYTHON
)
echo "ImageJ (version, triangle, its mirror image): $imagej"
echo "scikit-image, the same corners:              $skimage"
[ "$imagej" = "1.54p 55 45" ] && [ "$skimage" = "0.25.2 55 55" ]
