// The objects of one image. Changes are seen at once, written down by the server one batch after the other, and kept
// in the tab until the server has said that they are.

import { ApiError, ask } from "./api.js";

const BATCH = 400;

export class Store {
  constructor(described, changed) {
    this.image = described.image;
    this.changed = changed; // called after every change, with the error that undid one
    this.objects = new Map();
    this.classes = [];
    this.epoch = "";
    this.revision = -1;
    this.sending = null;
    this.key = `samj-unsent-${this.image}`;
    this.waiting = JSON.parse(sessionStorage.getItem(this.key) ?? "[]");
    this.merge(described);
    if (this.waiting.length) this.send();
  }

  get saved() {
    return this.waiting.length === 0;
  }

  listed() {
    return [...this.objects.values()].sort((one, other) => one.number - other.number);
  }

  /** Do changes: {put: object}, {drop: id} or {classes: [...]}. */
  commit(changes) {
    for (const change of changes) this.apply(change);
    this.waiting.push(...changes);
    this.note();
    this.changed();
    this.send();
  }

  /** Ask for what other tabs have changed. */
  async look() {
    if (this.sending || !this.saved) return;
    const { epoch, revision } = this;
    const body = { changes: [], epoch, revision };
    const said = await ask("POST", `api/page/images/${this.image}/changes`, body, { once: true }).catch(() => null);
    if (!said || this.sending) return;
    if (said.epoch === epoch && said.revision === revision) return;
    this.merge(said);
    this.changed();
  }

  apply(change) {
    if (change.put) {
      const item = change.put;
      if (!item.number) {
        item.number = this.objects.get(item.id)?.number ?? 1 + Math.max(0, ...this.listed().slice(-1).map((last) => last.number));
      }
      this.objects.set(item.id, item);
    } else if (change.drop) this.objects.delete(change.drop);
    else this.classes = change.classes;
  }

  merge(said) {
    if (said.whole) this.objects.clear();
    for (const item of said.objects) this.objects.set(item.id, item);
    for (const id of said.gone) this.objects.delete(id);
    this.classes = said.classes;
    this.epoch = said.epoch;
    this.revision = said.revision;
    for (const change of this.waiting) this.apply(change);
  }

  send() {
    this.sending ??= this.sendAll().finally(() => {
      this.sending = null;
      if (this.waiting.length) this.send();
    });
    return this.sending;
  }

  async sendAll() {
    while (this.waiting.length) {
      const changes = this.waiting.slice(0, BATCH);
      const body = { changes, epoch: this.epoch, revision: this.revision };
      let failed;
      try {
        const said = await ask("POST", `api/page/images/${this.image}/changes`, body);
        this.waiting.splice(0, changes.length);
        this.merge(said);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        // Refused: what is shown must be what is kept.
        failed = error;
        this.waiting.splice(0, changes.length);
        const body = { changes: [], epoch: "", revision: -1 };
        await ask("POST", `api/page/images/${this.image}/changes`, body).then((said) => this.merge(said), () => {});
      }
      this.note();
      this.changed(failed);
    }
  }

  note() {
    try {
      if (this.waiting.length) sessionStorage.setItem(this.key, JSON.stringify(this.waiting));
      else sessionStorage.removeItem(this.key);
    } catch {
      // No room in the tab: the server has it in a moment.
    }
  }
}
