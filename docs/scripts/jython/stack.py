# Every object of each plane of a stack: the planes one after the other, each object at home on its own. Jython.
from ij import IJ, WindowManager

imp = WindowManager.getCurrentImage()
result = []
for number in range(1, imp.getStackSize() + 1):
    imp.setSlice(number)
    before = imp.getOverlay().size() if imp.getOverlay() else 0
    IJ.run(imp, "SAMJ Everything", "model=starter min=30 overlay")
    result.append((imp.getOverlay().size() if imp.getOverlay() else 0) - before)
    IJ.log("plane %d: %d objects" % (number, result[-1]))
