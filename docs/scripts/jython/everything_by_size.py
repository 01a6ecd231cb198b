# Every object of the image that has 100 to 600 pixels, and of these the round ones. Jython: Fiji's script editor.
from math import pi

from ij import IJ, WindowManager
from ij.gui import Overlay

imp = WindowManager.getCurrentImage()
IJ.run(imp, "SAMJ Everything", "model=starter min=100 max=600 overlay")
kept = Overlay()
for roi in imp.getOverlay().toArray():
    imp.setRoi(roi)
    circularity = 4 * pi * imp.getStatistics().pixelCount / roi.getLength() ** 2
    if circularity > 0.85:
        kept.add(roi)
result = [imp.getOverlay().size(), kept.size()]
imp.deleteRoi()
imp.setOverlay(kept)
