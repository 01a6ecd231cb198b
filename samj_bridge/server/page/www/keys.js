// The keyboard: the same keys as in ImageJ, and a cross that stands for the mouse.

const STEP_PX = 12; // CSS pixels that an arrow key moves the cross

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Keys {
  constructor(app, board) {
    this.app = app;
    this.board = board;
    this.corner = null; // the first one of a box
    document.addEventListener("keydown", (event) => this.pressed(event));
    document.addEventListener("keyup", (event) => this.released(event));
    board.addEventListener("blur", () => app.hideCross());
  }

  pressed(event) {
    const { app } = this;
    if (document.querySelector("dialog[open]")) return;
    const { target } = event;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const writes = target.matches("input:not([type=checkbox], [type=radio]), textarea");
    const done = () => event.preventDefault();
    if ((event.ctrlKey || event.metaKey) && !event.altKey && (key === "z" || key === "y")) {
      if (writes) return;
      done();
      if (key === "y" || event.shiftKey) app.redo();
      else app.undo();
      return;
    }
    if (event.key === "Escape") {
      this.corner = null;
      if (app.escape()) done();
      return;
    }
    const onBoard = target === this.board;
    if (writes || target.matches("select")) return;
    if (onBoard && this.onBoard(event, key)) {
      done();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isButton = target.matches("button, a, summary, input, [role=listbox]");
    if ((key === "Enter" && !isButton) || key === "t") {
      app.proposal.keep();
      done();
    } else if (/^[1-9]$/.test(key)) app.proposal.choose(Number(key) - 1);
    else if (key === "+" || key === "=") app.zoom(1.5);
    else if (key === "-") app.zoom(1 / 1.5);
    else if (key === "0") app.view.fit();
    else if (key === "e" && app.selected) app.edit();
  }

  onBoard(event, key) {
    const { app } = this;
    if (!app.image) return false;
    const arrow = ARROWS[key];
    if (arrow && (event.ctrlKey || event.metaKey)) {
      app.view.panBy(arrow[0] * 60, arrow[1] * 60);
      return true;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    if (arrow) {
      const step = event.shiftKey ? 1 : Math.max(1, Math.round(STEP_PX / app.view.transform().scale));
      app.moveCross(arrow[0] * step, arrow[1] * step);
      return true;
    }
    const point = app.cross && [app.cross.x, app.cross.y];
    if (key === " " && !point) {
      app.pointer.space = true;
      return true;
    }
    if (key === " ") app.proposal.begin({ points: [point] });
    else if (key === "a" && point) app.proposal.add("points", point);
    else if (key === "n" && point) app.proposal.add("negative", point);
    else if (key === "b" && point) this.boxCorner(point);
    else return false;
    return true;
  }

  boxCorner([x, y]) {
    const { app } = this;
    if (!this.corner) {
      this.corner = [x, y];
      app.tell("First corner set. Move the cross to the other one and press b.");
      return;
    }
    const [x0, y0] = this.corner;
    this.corner = null;
    // Both pixels are inside.
    app.proposal.begin({ box: [Math.min(x0, x), Math.min(y0, y), Math.max(x0, x) + 1, Math.max(y0, y) + 1] });
  }

  released(event) {
    if (event.key === " ") this.app.pointer.space = false;
  }
}
