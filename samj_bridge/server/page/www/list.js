// The list of objects: one is chosen with the arrow keys or the mouse.

import { markOf } from "./colours.js";

const ROWS = 300;

export class ObjectList {
  constructor(app) {
    this.app = app;
    this.list = document.getElementById("objects");
    this.more = document.getElementById("more");
    this.rows = ROWS;
    this.list.addEventListener("click", (event) => {
      const row = event.target.closest("li");
      if (row) app.select(row.dataset.id, true);
    });
    this.list.addEventListener("dblclick", () => app.edit());
    this.list.addEventListener("keydown", (event) => this.pressed(event));
    this.more.addEventListener("click", () => {
      this.rows += ROWS;
      this.draw();
    });
  }

  pressed(event) {
    const { app } = this;
    const rows = [...this.list.children];
    const now = rows.findIndex((row) => row.dataset.id === app.selected);
    const places = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: rows.length - 1 };
    if (event.key in places) {
      const row = rows[Math.min(rows.length - 1, Math.max(0, places[event.key]))];
      if (row) app.select(row.dataset.id, true);
    } else if (event.key === "Delete" || event.key === "Backspace") app.remove();
    else if (event.key === "Enter" && app.selected) {
      app.edit();
      document.getElementById("board").focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  draw() {
    const { app, list } = this;
    const objects = app.store?.listed() ?? [];
    const classes = app.store?.classes ?? [];
    document.getElementById("count").textContent = String(objects.length);
    const shown = objects.slice(0, this.rows);
    list.replaceChildren(...shown.map((item) => this.row(item, classes)));
    this.more.hidden = objects.length <= this.rows;
    this.more.textContent = `Show ${Math.min(ROWS, objects.length - this.rows)} more`;
    this.choose();
  }

  row(item, classes) {
    const row = document.createElement("li");
    row.id = `object-${item.id}`;
    row.dataset.id = item.id;
    row.setAttribute("role", "option");
    const name = document.createElement("span");
    name.className = "name";
    name.textContent = item.name || `object-${String(item.number).padStart(4, "0")}`;
    if (item.class) name.textContent += `, ${item.class}`;
    const score = document.createElement("span");
    score.textContent = item.score === null ? "" : item.score.toFixed(2);
    const area = document.createElement("span");
    area.textContent = `${item.area} px`;
    row.append(markOf(item, classes), name, score, area);
    return row;
  }

  choose() {
    const { app, list } = this;
    for (const row of list.children) row.setAttribute("aria-selected", String(row.dataset.id === app.selected));
    const chosen = app.selected ? document.getElementById(`object-${app.selected}`) : null;
    if (chosen) {
      list.setAttribute("aria-activedescendant", chosen.id);
      chosen.scrollIntoView({ block: "nearest" });
    } else list.removeAttribute("aria-activedescendant");
  }
}
