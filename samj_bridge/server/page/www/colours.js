// Okabe and Ito's colours, which people with any kind of colour vision tell apart (jfly.uni-koeln.de/color).
const COLOURS = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7"];
// A mark goes with each colour, for those who see none.
const MARKS = ["M2 2h12v12H2z", "M8 1 15 14H1z", "M8 1 15 8 8 15 1 8z", "M8 2a6 6 0 1 0 .01 0z", "M1 5h14v6H1z", "M5 1h6v14H5z", "M1 2h14L8 15z"];

export function colourOf(item, classes) {
  const place = item.class ? classes.indexOf(item.class) : item.number - 1;
  return COLOURS[((place % COLOURS.length) + COLOURS.length) % COLOURS.length];
}

export function markOf(item, classes) {
  const place = item.class ? classes.indexOf(item.class) : -1;
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", place < 0 ? MARKS[3] : MARKS[place % MARKS.length]);
  path.setAttribute("fill", colourOf(item, classes));
  path.setAttribute("stroke", "currentColor");
  svg.append(path);
  return svg;
}
