// Every object of the image that has 100 to 600 pixels, and of these the round ones.
run("SAMJ Everything", "model=starter min=100 max=600 overlay");
all = Overlay.size;
for (i = all - 1; i >= 0; i--) {
    Overlay.activateSelection(i);
    if (getValue("Circ.") < 0.85)
        Overlay.removeSelection(i);
}
run("Select None");
return "" + all + " " + Overlay.size;
