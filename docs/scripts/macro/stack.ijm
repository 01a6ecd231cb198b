// Every object of each plane of a stack: the planes one after the other, each object at home on its own.
counts = "";
before = 0;
for (i = 1; i <= nSlices; i++) {
    setSlice(i);
    run("SAMJ Everything", "model=starter min=30 overlay");
    print("plane " + i + ": " + (Overlay.size - before) + " objects");
    counts = counts + (Overlay.size - before) + " ";
    before = Overlay.size;
}
return "" + counts;
