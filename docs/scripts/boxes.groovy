// Segments one object per box on the open image, and prints the area of each.
// Run it in Fiji's script editor, or in any ImageJ that has Groovy, while SAMJ is connected: samj-bridge fiji
import ij.IJ
import ij.WindowManager
import ij.measure.Measurements

def boxes = [[20, 103, 55, 142], [140, 40, 180, 80]]   // edges: x0, y0, x1, y1

def imp = WindowManager.getCurrentImage()
def areas = boxes.collect { box ->
    IJ.run(imp, "SAMJ Segment", "model=starter largest box=" + box.join(","))
    // The outline is the image's selection now, and an entry of the ROI Manager (of the overlay without windows).
    imp.getStatistics(Measurements.AREA).area
}
areas.eachWithIndex { area, i -> IJ.log("box ${i + 1}: " + IJ.d2s(area, 1) + " " + imp.getCalibration().getUnit() + "^2") }
return areas
