# One object by a box, and one by a point in it and a point beside it; prints their areas. Jython: Fiji's script editor.
from ij import IJ, WindowManager

imp = WindowManager.getCurrentImage()
result = []
for prompt in ("box=20,103,55,142", "points=[158,57] negative=[180,57]"):
    IJ.run(imp, "SAMJ Segment", "model=starter largest overlay " + prompt)
    # The outline is the image's selection now, and in its overlay. Without the word overlay it is in the ROI Manager.
    result.append(imp.getStatistics().area)
for area in result:
    IJ.log("area: %g" % area)
