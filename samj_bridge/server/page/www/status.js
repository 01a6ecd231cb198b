// What the page says: what to do next, what runs and how far it is, what went wrong.

import { ask } from "./api.js";

const QUICK_MS = 400; // what takes less has no bar
const LOOK_MS = 500;

export class Status {
  constructor() {
    this.next = document.getElementById("next");
    this.error = document.getElementById("error");
    this.tasks = document.getElementById("tasks");
    this.running = new Set();
  }

  say(text) {
    if (this.next.textContent !== text) this.next.textContent = text;
  }

  fail(error) {
    this.error.textContent = typeof error === "string" ? error : error.message;
    this.error.hidden = false;
  }

  clear() {
    this.error.hidden = true;
    this.error.textContent = "";
  }

  /**
   * Show something that runs; `stop` is called by its button, or by Esc. It has `tell(text, fraction)` and `done()`.
   * `watched`: the server's own word on it is asked for.
   */
  task(title, stop, { watched = false, where = this.tasks, quick = QUICK_MS } = {}) {
    const row = document.createElement("div");
    row.className = "task";
    const words = document.createElement("span");
    words.textContent = title;
    const bar = document.createElement("progress");
    bar.max = 1;
    bar.setAttribute("aria-label", title);
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Cancel";
    button.setAttribute("aria-label", `Cancel: ${title}`);
    button.addEventListener("click", () => stop());
    row.append(words, bar, button);
    const showing = setTimeout(() => where.append(row), quick);
    const task = {
      stop,
      tell: (text, fraction) => {
        if (text) words.textContent = text;
        if (typeof fraction === "number") bar.value = Math.min(1, Math.max(0, fraction));
        else bar.removeAttribute("value");
      },
      done: () => {
        clearTimeout(showing);
        clearInterval(looking);
        row.remove();
        this.running.delete(task);
      },
    };
    const looking = watched ? setInterval(() => look(title, task), LOOK_MS) : 0;
    this.running.add(task);
    return task;
  }

  /** Stop the latest thing that runs; false: nothing does. */
  stopLatest() {
    const latest = [...this.running].pop();
    latest?.stop();
    return Boolean(latest);
  }
}

async function look(title, task) {
  const state = await ask("GET", "api/state", undefined, { once: true }).catch(() => null);
  if (!state) return;
  const { now } = state;
  if (now?.message) task.tell(`${title}: ${now.message}`, now.fraction);
  else if (state.waiting.length > 1) task.tell(`${title}: ${state.waiting.length} requests wait`);
}
