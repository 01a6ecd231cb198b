#@ File (label = "Folder of images", style = "directory") folder

// Every object of each image of a folder: a label image and ROIs beside it, and a table of counts.
import ij.IJ
import ij.measure.ResultsTable

def table = new ResultsTable()
folder.listFiles().findAll { it.name ==~ /(?i).*\.(tiff?|png|jpe?g|gif)/ && !it.name.contains("_labels") }.sort().each { file ->
    def imp = IJ.openImage(file.path)
    IJ.run(imp, "SAMJ Everything", "model=starter min=30 overlay")
    def name = file.path.replaceFirst(/\.\w+$/, "")
    def count = imp.getOverlay() == null ? 0 : imp.getOverlay().size()
    if (count > 0) {
        IJ.run(imp, "SAMJ Export", "format=labels overlay path=[" + name + "_labels.tif]")
        IJ.run(imp, "SAMJ Export", "format=roi overlay path=[" + name + "_rois.zip]")
    }
    table.addRow()
    table.addValue("Image", file.name)
    table.addValue("Objects", count)
    imp.close()
}
table.save(new File(folder, "objects.csv").path)
return (0..<table.size()).collect { table.getValue("Objects", it) as int }
