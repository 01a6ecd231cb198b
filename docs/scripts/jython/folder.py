# @ File (label = "Folder of images", style = "directory") folder

# Every object of each image of a folder: a label image and ROIs beside it, and a table of counts. Jython.
import os

from ij import IJ
from ij.measure import ResultsTable

table = ResultsTable()
result = []
for name in sorted(os.listdir(folder.getPath())):
    stem, suffix = os.path.splitext(os.path.join(folder.getPath(), name))
    if suffix.lower() not in (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".gif") or stem.endswith("_labels"):
        continue
    imp = IJ.openImage(stem + suffix)
    IJ.run(imp, "SAMJ Everything", "model=starter min=30 overlay")
    count = imp.getOverlay().size() if imp.getOverlay() else 0
    if count:
        IJ.run(imp, "SAMJ Export", "format=labels overlay path=[%s_labels.tif]" % stem)
        IJ.run(imp, "SAMJ Export", "format=roi overlay path=[%s_rois.zip]" % stem)
    table.addRow()
    table.addValue("Image", name)
    table.addValue("Objects", count)
    result.append(count)
    imp.close()
table.save(os.path.join(folder.getPath(), "objects.csv"))
