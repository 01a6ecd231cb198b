// A box per row of the table Results (BX, BY, Width, Height, as Analyze > Measure with "Bounding rectangle" writes
// them); adds the area of what is in it as a column.
import ij.IJ
import ij.WindowManager
import ij.measure.ResultsTable

def imp = WindowManager.getCurrentImage()
def table = ResultsTable.getResultsTable()
def cal = imp.getCalibration()
for (row in 0..<table.size()) {
    // The table counts in the image's unit, prompts count in pixels.
    def x = table.getValue("BX", row) / cal.pixelWidth
    def y = table.getValue("BY", row) / cal.pixelHeight
    def box = [x, y, x + table.getValue("Width", row) / cal.pixelWidth, y + table.getValue("Height", row) / cal.pixelHeight]
    IJ.run(imp, "SAMJ Segment", "model=starter largest overlay box=" + box.join(","))
    table.setValue("Object", row, imp.getStatistics().area)
}
return (0..<table.size()).collect { table.getValue("Object", it) }
