// Puts the page together. Each part knows the app, which says what all of them share.

import { ApiError, ask, newId, onConnection } from "./api.js";
import { Drawing } from "./draw.js";
import { everything } from "./everything.js";
import { History } from "./history.js";
import { Keys } from "./keys.js";
import { ObjectList } from "./list.js";
import { keepModel, keptModel, recall, remember } from "./memory.js";
import { Models } from "./models.js";
import { Opening } from "./opening.js";
import { boxOf, isInside } from "./outline.js";
import { drawClasses, drawPanel } from "./panel.js";
import { Pointer } from "./pointer.js";
import { Proposal } from "./proposal.js";
import { save } from "./saving.js";
import { Status } from "./status.js";
import { Store } from "./store.js";
import { View } from "./view.js";

const LOOK_MS = 5000;
const element = (id) => document.getElementById(id);

class App {
  constructor() {
    this.image = null;
    this.store = null;
    this.selected = null;
    this.cross = null;
    this.dragging = null;
    this.searching = false;
    this.said = "";
    this.newId = newId;
    this.status = new Status();
    this.history = new History(() => this.tell(""));
    this.proposal = new Proposal(this);
    this.view = new View(element("viewer"));
    this.drawing = new Drawing(element("board"), this.view, () => this.shown());
    this.pointer = new Pointer(this, element("board"));
    this.keys = new Keys(this, element("board"));
    this.list = new ObjectList(this);
    this.models = new Models(this);
    this.opening = new Opening(this);
    this.connect();
  }

  connect() {
    const act = (id, work) => element(id).addEventListener("click", work);
    act("keep", () => this.proposal.keep());
    act("drop", () => this.proposal.dropIt());
    act("undo", () => this.undo());
    act("redo", () => this.redo());
    act("everything", () => everything(this));
    act("save", () => save(this));
    act("edit", () => this.edit());
    act("delete", () => this.remove());
    act("set-class", () => this.setClass());
    act("add-class", () => this.addClass());
    act("zoom-in", () => this.zoom(1.5));
    act("zoom-out", () => this.zoom(1 / 1.5));
    act("fit", () => this.view.fit());
    act("help", () => element("help-dialog").showModal());
    act("pan", () => this.pan(!this.pointer.panning));
    element("new-class").addEventListener("keydown", (event) => event.key === "Enter" && this.addClass());
    for (const close of document.querySelectorAll("dialog .close")) {
      close.addEventListener("click", () => close.closest("dialog").close());
    }
    onConnection((away) => this.connection(away));
    setInterval(() => document.visibilityState === "visible" && this.store?.look(), LOOK_MS);
    document.addEventListener("visibilitychange", () => this.store?.look());
    window.addEventListener("focus", () => this.store?.look());
    window.addEventListener("beforeunload", (event) => this.store && !this.store.saved && event.preventDefault());
  }

  async start() {
    await this.models.load(keptModel()).catch((error) => this.status.fail(error));
    const image = location.hash.slice(1);
    if (image && (await this.opening.again(image))) recall(this);
    this.refresh();
  }

  /** Show an image that the server has described. */
  async open(described) {
    this.search?.abort();
    this.proposal.restore({});
    this.history.clear();
    this.said = "";
    this.image = described;
    this.selected = null;
    this.cross = null;
    const store = new Store(described, (failed) => this.stored(store, failed));
    this.store = store;
    window.history.replaceState(null, "", `#${described.image}`);
    element("image-name").textContent = `${described.name}, ${described.width} × ${described.height}`;
    element("planes").hidden = described.planes < 2;
    element("plane").value = described.plane + 1;
    element("plane").max = described.planes;
    element("plane-count").textContent = `of ${described.planes}`;
    document.title = `${described.name} – samj-bridge`;
    element("empty").hidden = true;
    this.list.rows = 300;
    this.list.draw();
    drawClasses(this);
    const walks = document.activeElement === element("plane");
    await this.view.open(described);
    if (!walks) element("board").focus({ preventScroll: true });
    this.refresh();
    this.encode();
  }

  /** Have the image read by the model, so that the first click is quick. */
  async encode() {
    this.encoding?.abort();
    if (!this.image) return;
    const controller = new AbortController();
    this.encoding = controller;
    const task = this.status.task("Reading the image", () => controller.abort(), { watched: true });
    try {
      await this.askImage("encode", { model: this.model() }, controller.signal);
    } catch (error) {
      if (!controller.signal.aborted) this.status.fail(error);
    } finally {
      task.done();
    }
  }

  /** Ask about the image; one that the server has put away is read again there. */
  async askImage(what, body, signal) {
    const { image } = this.store;
    try {
      return await ask("POST", `api/images/${image}/${what}`, body, { signal });
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== "unknown-image") throw error;
      await ask("GET", `api/page/images/${image}`, undefined, { signal });
      return ask("POST", `api/images/${image}/${what}`, body, { signal });
    }
  }

  model() {
    return this.models.chosen;
  }

  modelChanged() {
    keepModel(this.model());
    this.encode();
  }

  keepsAutomatically() {
    return element("automatic").checked;
  }

  chosenClass() {
    return element("class").value;
  }

  itemOf({ rings, area, score }) {
    return { id: newId(), number: 0, rings, area, score, model: this.model(), name: "", class: this.chosenClass(), prompt: null };
  }

  /** Say what was done; it stands until something else is done. */
  tell(words) {
    this.said = words;
    this.refresh();
  }

  // What is seen

  shown() {
    const { editing } = this.proposal;
    const objects = this.store?.listed() ?? [];
    return {
      objects: editing ? objects.filter(({ id }) => id !== editing) : objects,
      classes: this.store?.classes ?? [],
      selected: this.selected,
      proposal: this.proposal,
      cross: this.cross,
      dragging: this.dragging,
    };
  }

  refresh() {
    this.drawing.soon();
    drawPanel(this);
    remember(this);
  }

  stored(store, failed) {
    if (failed) this.status.fail(failed);
    if (store !== this.store) return;
    if (this.selected && !store.objects.has(this.selected)) this.selected = null;
    element("kept").textContent = store.saved ? "What you keep is on the server’s disk at once." : "Being written down…";
    this.list.draw();
    drawClasses(this);
    this.refresh();
  }

  connection(away) {
    element("connection").textContent = away ? "The server does not answer. Trying again; nothing is lost." : "";
  }

  place(at) {
    const pixel = at && this.pixelAt(at);
    element("place").textContent = pixel ? `x ${pixel[0]}, y ${pixel[1]}` : "";
  }

  // What is pointed at

  /** Return the pixel at image coordinates; null: it is not in the image. */
  pixelAt({ x, y }) {
    const pixel = [Math.floor(x), Math.floor(y)];
    const { width, height } = this.image;
    return pixel[0] >= 0 && pixel[1] >= 0 && pixel[0] < width && pixel[1] < height ? pixel : null;
  }

  /** Return the box between two places, on pixel corners and inside the image; null: it is empty. */
  boxBetween(one, other) {
    const { width, height } = this.image;
    const within = (value, most) => Math.min(Math.max(Math.round(value), 0), most);
    const [x0, x1] = [one.x, other.x].map((x) => within(x, width)).sort((a, b) => a - b);
    const [y0, y1] = [one.y, other.y].map((y) => within(y, height)).sort((a, b) => a - b);
    return x0 < x1 && y0 < y1 ? [x0, y0, x1, y1] : null;
  }

  drag(box) {
    this.dragging = box;
    this.drawing.soon();
  }

  moveCross(dx, dy) {
    const { width, height } = this.image;
    const from = this.cross ?? this.view.toImage(element("board").clientWidth / 2, element("board").clientHeight / 2);
    const within = (value, most) => Math.min(Math.max(Math.floor(value), 0), most - 1);
    this.cross = { x: within(from.x + dx, width), y: within(from.y + dy, height) };
    const { scale, left, top } = this.view.transform();
    const [x, y] = [this.cross.x * scale + left, this.cross.y * scale + top];
    const { clientWidth, clientHeight } = element("board");
    if (x < 20 || y < 20 || x > clientWidth - 20 || y > clientHeight - 20) this.view.panBy(x - clientWidth / 2, y - clientHeight / 2);
    this.place(this.cross);
    this.drawing.soon();
  }

  hideCross() {
    this.cross = null;
    this.drawing.soon();
  }

  zoom(factor) {
    const { cross } = this;
    const { scale, left, top } = this.view.transform();
    this.view.zoomBy(factor, cross ? { x: cross.x * scale + left, y: cross.y * scale + top } : null);
  }

  pan(on) {
    this.pointer.panning = on;
    element("pan").setAttribute("aria-pressed", String(on));
    element("board").classList.toggle("panning", on);
  }

  // What is done

  select(id, show = false) {
    this.selected = id;
    const item = this.store.objects.get(id);
    if (item && show) this.view.show(boxOf(item.rings));
    this.list.choose();
    this.refresh();
  }

  selectAt([x, y]) {
    const found = this.store.listed().filter(({ rings }) => isInside(rings, x + 0.5, y + 0.5));
    found.sort((one, other) => one.area - other.area);
    this.select(found[0]?.id ?? null);
  }

  edit() {
    const item = this.store?.objects.get(this.selected);
    if (item) this.proposal.edit(item);
  }

  remove() {
    const item = this.store?.objects.get(this.selected);
    if (!item) return;
    const rows = this.store.listed();
    const next = rows[rows.indexOf(item) + 1] ?? rows[rows.indexOf(item) - 1];
    if (this.proposal.editing === item.id) this.proposal.dropIt();
    this.selected = next?.id ?? null;
    this.step("deleting it", [[{ put: item }], [{ drop: item.id }]]);
  }

  setClass() {
    const item = this.store?.objects.get(this.selected);
    if (!item) return;
    const changed = { ...item, class: this.chosenClass() };
    this.step("its class", [[{ put: item }], [{ put: changed }]]);
  }

  addClass() {
    const name = element("new-class").value.trim();
    if (!this.store || !name) return;
    element("new-class").value = "";
    const { classes } = this.store;
    if (!classes.includes(name)) this.step("the class", [[{ classes }], [{ classes: [...classes, name] }]]);
    element("class").value = name;
  }

  /** Do changes to objects that can be taken back. */
  step(label, objects) {
    this.store.commit(objects[1]);
    this.history.push({ label, objects });
  }

  undo() {
    if (this.proposal.stop()) {
      this.refresh();
      return;
    }
    this.again(this.history.undo(), 0, "Taken back");
  }

  redo() {
    this.again(this.history.redo(), 1, "Done again");
  }

  again(step, side, words) {
    if (!step) return;
    if (step.objects) this.store.commit(step.objects[side]);
    if (step.proposal) this.proposal.restore(step.proposal[side]);
    this.tell(`${words}: ${step.label}.`);
  }

  /** Stop what runs, or drop what is shown. */
  escape() {
    return this.proposal.dropIt() || this.status.stopLatest();
  }
}

new App().start();
