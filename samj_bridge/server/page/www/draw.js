// Everything that is drawn over the image: objects, the proposal with its prompts, the cross of the keyboard.

import { colourOf } from "./colours.js";
import { boxOf, pathOf } from "./outline.js";

const NOW = "#ffffff";

export class Drawing {
  constructor(canvas, view, shown) {
    this.canvas = canvas;
    this.view = view;
    this.shown = shown; // () => {objects, classes, selected, proposal, cross, dragging}
    this.context = canvas.getContext("2d");
    this.waiting = 0;
    this.painted = null;
    view.onmove = () => this.draw();
    new ResizeObserver(() => this.soon()).observe(canvas);
  }

  /** Draw with the next frame. */
  soon() {
    if (!this.waiting) this.waiting = requestAnimationFrame(() => this.draw());
  }

  draw() {
    cancelAnimationFrame(this.waiting);
    this.waiting = 0;
    const { canvas, context } = this;
    const dots = window.devicePixelRatio || 1;
    const width = Math.round(canvas.clientWidth * dots);
    const height = Math.round(canvas.clientHeight * dots);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    if (!this.view.image) return;
    const { scale, left, top } = this.view.transform();
    this.scale = scale * dots;
    this.dots = dots;
    context.setTransform(this.scale, 0, 0, this.scale, left * dots, top * dots);
    context.lineJoin = "miter";
    const corner = this.view.toImage(0, 0);
    const far = this.view.toImage(canvas.clientWidth, canvas.clientHeight);
    const shown = this.shown();
    for (const item of shown.objects) {
      const [x0, y0, x1, y1] = boxOf(item.rings);
      if (x1 < corner.x || y1 < corner.y || x0 > far.x || y0 > far.y) continue;
      this.outline(item.rings, colourOf(item, shown.classes), item.id === shown.selected ? 3 : 1.5);
    }
    this.proposal(shown.proposal);
    if (shown.dragging) this.box(shown.dragging);
    if (shown.cross) this.cross(shown.cross);
    const { proposal } = shown;
    if (proposal.region && proposal.region !== this.painted) {
      this.painted = proposal.region;
      canvas.dispatchEvent(new CustomEvent("outlinepainted"));
    }
  }

  outline(rings, colour, wide, dash = []) {
    const { context } = this;
    const path = pathOf(rings);
    context.fillStyle = colour;
    context.globalAlpha = 0.22;
    context.fill(path, "evenodd");
    context.globalAlpha = 1;
    // Dark below bright: seen on any ground.
    context.setLineDash([]);
    context.lineWidth = ((wide + 1.5) * this.dots) / this.scale;
    context.strokeStyle = "rgb(0 0 0 / .75)";
    context.stroke(path);
    context.setLineDash(dash.map((length) => (length * this.dots) / this.scale));
    context.lineWidth = (wide * this.dots) / this.scale;
    context.strokeStyle = colour;
    context.stroke(path);
    context.setLineDash([]);
  }

  proposal({ region, prompt }) {
    if (region) {
      const { score } = region;
      const dash = score === null || score >= 0.85 ? [] : score >= 0.6 ? [7, 4] : [2, 4];
      this.outline(region.rings, NOW, 2, dash);
    }
    if (!prompt) return;
    if (prompt.box) this.box(prompt.box);
    for (const [x, y] of prompt.points) this.sign(x + 0.5, y + 0.5, true);
    for (const [x, y] of prompt.negative) this.sign(x + 0.5, y + 0.5, false);
  }

  twice(draw) {
    const { context } = this;
    for (const [wide, colour] of [[4, "#000000"], [2, NOW]]) {
      context.lineWidth = (wide * this.dots) / this.scale;
      context.strokeStyle = colour;
      draw(context);
    }
  }

  box([x0, y0, x1, y1]) {
    this.twice((context) => {
      if (context.strokeStyle === NOW) context.setLineDash([6, 4].map((length) => (length * this.dots) / this.scale));
      context.strokeRect(x0, y0, x1 - x0, y1 - y0);
      context.setLineDash([]);
    });
  }

  sign(x, y, plus) {
    const r = (7 * this.dots) / this.scale;
    this.twice((context) => {
      context.beginPath();
      context.moveTo(x - r, y);
      context.lineTo(x + r, y);
      if (plus) {
        context.moveTo(x, y - r);
        context.lineTo(x, y + r);
      }
      context.stroke();
    });
  }

  cross({ x, y }) {
    const near = (5 * this.dots) / this.scale;
    const far = (16 * this.dots) / this.scale;
    this.twice((context) => {
      context.beginPath();
      for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        context.moveTo(x + 0.5 + dx * near, y + 0.5 + dy * near);
        context.lineTo(x + 0.5 + dx * far, y + 0.5 + dy * far);
      }
      context.stroke();
    });
  }
}
