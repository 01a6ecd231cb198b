// A box per row of the table Results (BX, BY, Width, Height, as Analyze > Measure with "Bounding rectangle" writes
// them); adds the area of what is in it as a column.
areas = "";
for (row = 0; row < nResults; row++) {
    x = getResult("BX", row);
    y = getResult("BY", row);
    right = x + getResult("Width", row);
    bottom = y + getResult("Height", row);
    // The table counts in the image's unit, prompts count in pixels.
    toUnscaled(x, y);
    toUnscaled(right, bottom);
    run("SAMJ Segment", "model=starter largest overlay box=" + x + "," + y + "," + right + "," + bottom);
    setResult("Object", row, getValue("Area"));
    areas = areas + getResult("Object", row) + " ";
}
return "" + areas;
