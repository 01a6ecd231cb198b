// One object by a box, and one by a point in it and a point beside it; prints their areas.
prompts = newArray("box=20,103,55,142", "points=[158,57] negative=[180,57]");
areas = "";
for (i = 0; i < prompts.length; i++) {
    run("SAMJ Segment", "model=starter largest overlay " + prompts[i]);
    // The outline is the image's selection now, and in its overlay. Without the word overlay it is in the ROI Manager.
    area = getValue("Area");
    print("area: " + area);
    areas = areas + area + " ";
}
return "" + areas;
