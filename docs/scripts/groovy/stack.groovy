// Every object of each plane of a stack: the planes one after the other, each object at home on its own.
import ij.IJ
import ij.WindowManager

def imp = WindowManager.getCurrentImage()
def size = { imp.getOverlay() == null ? 0 : imp.getOverlay().size() }
def counts = (1..imp.getStackSize()).collect { slice ->
    imp.setSlice(slice)
    def before = size()
    IJ.run(imp, "SAMJ Everything", "model=starter min=30 overlay")
    size() - before
}
counts.eachWithIndex { count, i -> IJ.log("plane ${i + 1}: ${count} objects") }
return counts
