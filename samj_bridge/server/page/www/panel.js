// The panel: what can be done now, the candidates, the classes.

const element = (id) => document.getElementById(id);

export function drawPanel(app) {
  const { proposal } = app;
  const pointed = Boolean(proposal.prompt);
  element("keep").disabled = !pointed;
  element("drop").disabled = !pointed;
  element("undo").disabled = !app.history.past.length && !proposal.asking;
  element("redo").disabled = !app.history.future.length;
  element("everything").disabled = !app.image || app.searching;
  element("save").disabled = !app.store?.objects.size;
  for (const id of ["edit", "delete", "set-class"]) element(id).disabled = !app.selected;
  drawCandidates(proposal);
  app.status.say([app.said, advice(app)].filter(Boolean).join(" "));
}

function advice({ image, proposal, searching }) {
  if (!image) return "Open an image: drop it on the page, or choose it.";
  if (searching) return "Every object is being looked for. You can go on clicking.";
  if (proposal.asking) return proposal.keepWhenThere ? "It is kept as soon as it is there." : "Looking for the outline…";
  if (proposal.region) return "Enter keeps it, Esc drops it. Shift-click adds to it, Alt-click takes away.";
  return "Click on an object, or drag a box around it.";
}

function drawCandidates(proposal) {
  const { regions, chosen } = proposal;
  const group = element("candidates");
  const focused = group.contains(document.activeElement);
  group.hidden = regions.length < 2;
  group.replaceChildren(
    ...regions.map((region, index) => {
      const label = document.createElement("label");
      const radio = Object.assign(document.createElement("input"), { type: "radio", name: "candidate", checked: index === chosen });
      radio.addEventListener("change", () => proposal.choose(index));
      label.append(radio, ` ${index + 1}${region.score === null ? "" : `: ${region.score.toFixed(2)}`}`);
      return label;
    }),
  );
  if (focused) group.querySelector(":checked")?.focus();
}

export function drawClasses(app) {
  const select = element("class");
  const before = select.value;
  const { classes } = app.store;
  select.replaceChildren(new Option("no class", ""), ...classes.map((name) => new Option(name, name)));
  select.value = classes.includes(before) ? before : "";
}
