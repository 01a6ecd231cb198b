// The object that is being pointed at: its prompt, the candidates that came back, which one is shown.

import { ApiError } from "./api.js";

const NOTHING = { prompt: null, regions: [], chosen: 0, editing: null };

export class Proposal {
  constructor(app) {
    this.app = app;
    this.asking = null;
    this.keepWhenThere = false;
    Object.assign(this, NOTHING);
  }

  get region() {
    return this.regions[this.chosen] ?? null;
  }

  snapshot() {
    const { prompt, regions, chosen, editing } = this;
    return { prompt, regions, chosen, editing };
  }

  restore(snapshot) {
    this.stop();
    Object.assign(this, NOTHING, snapshot);
    this.app.refresh();
  }

  /** Stop asking; what was shown before the question is shown again. */
  stop() {
    if (!this.asking) return false;
    const { before, controller, task } = this.asking;
    this.asking = null;
    this.keepWhenThere = false;
    controller.abort();
    task.done();
    Object.assign(this, NOTHING, before);
    return true;
  }

  begin(part) {
    const { app } = this;
    const next = () => this.ask({ box: null, points: [], negative: [], ...part }, null, "the object");
    if (app.keepsAutomatically() && this.region && !this.asking) this.keep();
    next();
  }

  /** Add a point inside or outside the object that is shown. */
  add(kind, point) {
    const { app, prompt } = this;
    if (!prompt) {
      if (kind === "points") this.begin({ points: [point] });
      else app.tell("Click on an object first; then say what does not belong to it.");
      return;
    }
    const others = prompt[kind].filter(([x, y]) => x !== point[0] || y !== point[1]);
    this.ask({ ...prompt, [kind]: [...others, point] }, this.editing, "the point");
  }

  async ask(prompt, editing, label) {
    const { app } = this;
    const hurried = this.asking && this.keepWhenThere;
    // Of a question that nobody waits for any more, what was there before it is what can be gone back to.
    const before = this.asking ? this.asking.before : this.snapshot();
    if (this.asking) {
      this.asking.controller.abort();
      this.asking.task.done();
    }
    const controller = new AbortController();
    const task = app.status.task("Looking for the outline", () => this.stop() && app.refresh(), { watched: true });
    const asking = { before, controller, task };
    this.asking = asking;
    this.keepWhenThere = hurried;
    this.prompt = prompt;
    this.editing = editing;
    app.status.clear();
    app.said = "";
    app.refresh();
    const sent = { points: prompt.points, negative: prompt.negative };
    if (prompt.box) sent.box = prompt.box;
    if (prompt.mask) sent.mask = prompt.mask;
    try {
      const body = { prompts: [sent], candidates: 3, model: app.model() };
      const said = await app.askImage("segment", body, controller.signal);
      if (this.asking !== asking) return;
      const regions = said.features
        .map(({ properties }) => ({ rings: properties.rings, score: properties.score, area: properties.area, model: said.model }))
        .filter((region) => region.rings.length);
      if (!regions.length) throw new ApiError("No object was found there.", "empty", 200);
      this.asking = null;
      Object.assign(this, { regions, chosen: 0 });
      app.history.push({ label, proposal: [before, this.snapshot()] });
      app.refresh();
      if (this.keepWhenThere) this.keep();
    } catch (error) {
      if (this.asking !== asking) return;
      this.asking = null;
      Object.assign(this, NOTHING, before);
      if (!controller.signal.aborted) app.status.fail(error);
      app.refresh();
    } finally {
      task.done();
      this.keepWhenThere = this.asking ? this.keepWhenThere : false;
    }
  }

  choose(index) {
    if (!this.regions[index] || index === this.chosen) return;
    const before = this.snapshot();
    this.chosen = index;
    this.app.history.push({ label: "another candidate", proposal: [before, this.snapshot()] });
    this.app.refresh();
  }

  /** Keep what is shown; asked for early, it is kept as soon as it is there. */
  keep() {
    const { app, region } = this;
    if (this.asking) {
      this.keepWhenThere = true;
      app.refresh();
      return;
    }
    if (!region) return;
    const before = this.snapshot();
    const old = this.editing ? app.store.objects.get(this.editing) : null;
    const item = {
      id: old?.id ?? app.newId(),
      number: old?.number ?? 0,
      rings: region.rings,
      area: region.area,
      score: region.score,
      model: region.model,
      name: old?.name ?? "",
      class: old ? old.class : app.chosenClass(),
      prompt: { ...this.prompt, mask: undefined },
    };
    Object.assign(this, NOTHING);
    app.store.commit([{ put: item }]);
    app.history.push({
      label: old ? "the change" : "keeping it",
      proposal: [before, { ...NOTHING }],
      objects: [[old ? { put: old } : { drop: item.id }], [{ put: item }]],
    });
    app.select(item.id);
  }

  dropIt() {
    if (this.stop()) {
      this.app.refresh();
      return true;
    }
    if (!this.prompt && !this.region) return false;
    const before = this.snapshot();
    Object.assign(this, NOTHING);
    this.app.history.push({ label: "dropping it", proposal: [before, { ...NOTHING }] });
    this.app.refresh();
    return true;
  }

  /** Take an object that was kept up again. */
  edit(item) {
    const before = this.asking ? this.asking.before : this.snapshot();
    this.stop();
    const { prompt, rings, score, area, model } = item;
    const pointed = prompt && (prompt.box || prompt.points?.length);
    const asked = { box: null, points: [], negative: [], ...(pointed ? prompt : { mask: { rings } }) };
    Object.assign(this, { prompt: asked, regions: [{ rings, score, area, model }], chosen: 0, editing: item.id });
    this.app.history.push({ label: "taking it up again", proposal: [before, this.snapshot()] });
    this.app.refresh();
  }
}

