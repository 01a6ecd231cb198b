// Undo and redo of one tab: what it did itself, never what others did. Kept through a reload.

const MOST = 100;
const MOST_KEPT = 1_500_000; // characters; the browser gives five million to a tab

export class History {
  constructor(changed) {
    this.changed = changed;
    this.clear();
  }

  clear() {
    this.past = [];
    this.future = [];
  }

  /** Note a step: {label, proposal: [before, after], objects: [undoing changes, doing changes]}. */
  push(step) {
    this.past.push(step);
    if (this.past.length > MOST) this.past.shift();
    this.future = [];
    this.changed();
  }

  undo() {
    const step = this.past.pop();
    if (step) this.future.push(step);
    return step;
  }

  redo() {
    const step = this.future.pop();
    if (step) this.past.push(step);
    return step;
  }

  kept() {
    const value = { past: [...this.past], future: this.future };
    while (JSON.stringify(value).length > MOST_KEPT && value.past.length) value.past.splice(0, 1 + (value.past.length >> 1));
    return JSON.stringify(value).length > MOST_KEPT ? { past: [], future: [] } : value;
  }

  restore(value) {
    this.past = value?.past ?? [];
    this.future = value?.future ?? [];
  }
}
