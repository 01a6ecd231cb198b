// Mouse, pen and fingers on the image.

const STILL_PX = 4; // a click may shake as much

export class Pointer {
  constructor(app, canvas) {
    this.app = app;
    this.canvas = canvas;
    this.panning = false; // the Pan button
    this.space = false;
    this.down = new Map();
    this.start = null;
    canvas.addEventListener("pointerdown", (event) => this.pressed(event));
    canvas.addEventListener("pointermove", (event) => this.moved(event));
    canvas.addEventListener("pointerup", (event) => this.released(event));
    canvas.addEventListener("pointercancel", (event) => this.gone(event));
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("pointerleave", () => app.place(null));
    canvas.addEventListener("wheel", (event) => this.turned(event), { passive: false });
  }

  at(event) {
    const { left, top } = this.canvas.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }

  pressed(event) {
    const { app } = this;
    if (!app.image) return;
    const at = this.at(event);
    this.down.set(event.pointerId, at);
    this.canvas.setPointerCapture(event.pointerId);
    app.hideCross();
    if (this.down.size === 2) {
      this.start = null;
      app.drag(null);
      return;
    }
    const pans = event.button === 1 || this.panning || this.space;
    if (event.button === 1) event.preventDefault();
    this.start = { ...at, button: event.button, pans, box: false };
  }

  moved(event) {
    const { app, start } = this;
    const at = this.at(event);
    app.place(app.image ? app.view.toImage(at.x, at.y) : null);
    const before = this.down.get(event.pointerId);
    if (!before) return;
    if (this.down.size === 2) {
      this.pinched(event.pointerId, before, at);
    } else if (start?.pans) {
      app.view.panBy(before.x - at.x, before.y - at.y, true);
    } else if (start && start.button === 0) {
      start.box ||= Math.hypot(at.x - start.x, at.y - start.y) > STILL_PX;
      if (start.box) app.drag(this.boxTo(at));
    }
    this.down.set(event.pointerId, at);
  }

  pinched(id, before, at) {
    const { view } = this.app;
    const other = [...this.down].find(([key]) => key !== id)[1];
    const factor = Math.hypot(at.x - other.x, at.y - other.y) / (Math.hypot(before.x - other.x, before.y - other.y) || 1);
    view.zoomBy(factor, { x: (at.x + other.x) / 2, y: (at.y + other.y) / 2 });
    view.panBy((before.x - at.x) / 2, (before.y - at.y) / 2, true);
  }

  released(event) {
    const { app, start } = this;
    const box = start?.box ? this.boxTo(this.at(event)) : null;
    this.down.delete(event.pointerId);
    this.start = this.down.size ? this.start : null;
    if (!start || start.pans || !app.image) return;
    if (start.box) {
      app.drag(null);
      if (box) app.proposal.begin({ box });
      return;
    }
    const point = app.pixelAt(app.view.toImage(start.x, start.y));
    if (!point) return;
    if (event.ctrlKey || event.metaKey) app.selectAt(point);
    else if (start.button === 2 || event.altKey) app.proposal.add("negative", point);
    else if (event.shiftKey) app.proposal.add("points", point);
    else app.proposal.begin({ points: [point] });
  }

  gone(event) {
    this.down.delete(event.pointerId);
    this.start = null;
    this.app.drag(null);
  }

  boxTo(at) {
    const { view } = this.app;
    return this.app.boxBetween(view.toImage(this.start.x, this.start.y), view.toImage(at.x, at.y));
  }

  turned(event) {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1;
    this.app.view.zoomBy(2 ** ((-event.deltaY * lines) / 300), this.at(event));
  }
}
