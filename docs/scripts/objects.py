"""Find every object of an image with ImageJ, without a window, and write their outlines and sizes.

python objects.py cells.tif        makes cells_rois.zip and cells_areas.csv beside it
"""

import csv
import sys
from pathlib import Path

from samj_bridge.fiji import attach, detach, java_class, open_image, start_imagej

source = Path(sys.argv[1])
start_imagej()
attach()
try:
    imp = open_image(source)
    java_class("ij.IJ").run(imp, "SAMJ Everything", "model=starter min=20")
    rois = imp.getOverlay().toArray() if imp.getOverlay() is not None else []
    with source.with_name(f"{source.stem}_areas.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["object", "area", "mean"])
        for roi in rois:
            imp.setRoi(roi)
            found = imp.getStatistics()
            table.writerow([str(roi.getName()), float(found.area), float(found.mean)])
    zipped = source.with_name(f"{source.stem}_rois.zip")
    if len(rois):
        java_class("ij.IJ").run(imp, "SAMJ Export", f"format=roi path=[{zipped}]")
    print(f"{len(rois)} objects")
finally:
    detach()
