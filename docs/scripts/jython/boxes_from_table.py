# A box per row of the table Results (BX, BY, Width, Height, as Analyze > Measure with "Bounding rectangle" writes
# them); adds the area of what is in it as a column. Jython: Fiji's script editor.
from ij import IJ, WindowManager
from ij.measure import ResultsTable

imp = WindowManager.getCurrentImage()
table = ResultsTable.getResultsTable()
cal = imp.getCalibration()
result = []
for row in range(table.size()):
    # The table counts in the image's unit, prompts count in pixels.
    x, width = [table.getValue(name, row) / cal.pixelWidth for name in ("BX", "Width")]
    y, height = [table.getValue(name, row) / cal.pixelHeight for name in ("BY", "Height")]
    box = "%g,%g,%g,%g" % (x, y, x + width, y + height)
    IJ.run(imp, "SAMJ Segment", "model=starter largest overlay box=" + box)
    result.append(imp.getStatistics().area)
    table.setValue("Object", row, result[-1])
