// Every object of each image of a folder: a label image and ROIs beside it, and a table of counts.
folder = getArgument();
if (folder == "")
    folder = getDirectory("Folder of images");
if (!endsWith(folder, File.separator))
    folder = folder + File.separator;
setBatchMode(true);
text = "Image,Objects\n";
counts = "";
names = getFileList(folder);
for (i = 0; i < names.length; i++) {
    if (!matches(names[i], "(?i).*\\.(tiff?|png|jpe?g|gif)") || indexOf(names[i], "_labels") >= 0)
        continue;
    open(folder + names[i]);
    run("SAMJ Everything", "model=starter min=30 overlay");
    stem = folder + substring(names[i], 0, lastIndexOf(names[i], "."));
    if (Overlay.size > 0) {
        run("SAMJ Export", "format=labels overlay path=[" + stem + "_labels.tif]");
        run("SAMJ Export", "format=roi overlay path=[" + stem + "_rois.zip]");
    }
    text = text + names[i] + "," + Overlay.size + "\n";
    counts = counts + Overlay.size + " ";
    close();
}
File.saveString(text, folder + "objects.csv");
return "" + counts;
