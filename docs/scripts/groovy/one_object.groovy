// One object by a box, and one by a point in it and a point beside it; prints their areas.
import ij.IJ
import ij.WindowManager

def imp = WindowManager.getCurrentImage()
def areas = ["box=20,103,55,142", "points=[158,57] negative=[180,57]"].collect { prompt ->
    IJ.run(imp, "SAMJ Segment", "model=starter largest overlay " + prompt)
    // The outline is the image's selection now, and in its overlay. Without the word overlay it is in the ROI Manager.
    imp.getStatistics().area
}
areas.each { IJ.log("area: " + it) }
return areas
