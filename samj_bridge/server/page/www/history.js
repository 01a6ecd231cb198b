// Undo and redo of one tab: what it did itself, never what others did. Kept through a reload.

const MOST = 100;
const MOST_KEPT = 800_000; // characters; the browser gives five million to a tab

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

  /** Return the latest steps as JSON, as many as there is room for. */
  kept() {
    const past = [];
    let room = MOST_KEPT;
    for (let index = this.past.length - 1; index >= 0; index -= 1) {
      const text = textOf(this.past[index]);
      room -= text.length;
      if (room < 0) break;
      past.unshift(text);
    }
    const future = this.future.map(textOf);
    const whole = future.reduce((sum, text) => sum + text.length, 0) <= MOST_KEPT;
    return `{"past":[${past}],"future":[${whole ? future : ""}]}`;
  }

  restore(text) {
    const value = JSON.parse(text ?? "null");
    this.past = value?.past ?? [];
    this.future = value?.future ?? [];
  }
}

// A step never changes: its text is made once.
const texts = new WeakMap();

function textOf(step) {
  let text = texts.get(step);
  if (text === undefined) texts.set(step, (text = JSON.stringify(step)));
  return text;
}
