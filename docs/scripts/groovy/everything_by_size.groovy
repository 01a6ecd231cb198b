// Every object of the image that has 100 to 600 pixels, and of these the round ones.
import ij.IJ
import ij.WindowManager
import ij.gui.Overlay

def imp = WindowManager.getCurrentImage()
IJ.run(imp, "SAMJ Everything", "model=starter min=100 max=600 overlay")
def round = new Overlay()
imp.getOverlay().each { roi ->
    imp.setRoi(roi)
    def found = imp.getStatistics()
    def circularity = 4 * Math.PI * found.pixelCount / Math.pow(roi.getLength(), 2)
    if (circularity > 0.85) round.add(roi)
}
def all = imp.getOverlay().size()
imp.deleteRoi()
imp.setOverlay(round)
return [all, round.size()]
