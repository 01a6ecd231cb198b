// Images opened: dropped, chosen, by a path on the server, or as they were left.

import { ApiError, ask } from "./api.js";

// Bytes that are sent without asking whether they are too many.
const SMALL = 16e6;

export class Opening {
  constructor(app) {
    this.app = app;
    this.dialog = document.getElementById("open-dialog");
    this.folder = document.getElementById("folder");
    this.recent = document.getElementById("recent");
    const file = document.getElementById("file");
    document.getElementById("open").addEventListener("click", () => this.show());
    file.addEventListener("change", () => {
      const [chosen] = file.files;
      file.value = "";
      if (chosen) this.send(chosen);
    });
    document.getElementById("path-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.path(document.getElementById("path").value.trim());
    });
    const plane = document.getElementById("plane");
    plane.addEventListener("change", () => this.plane(plane.valueAsNumber - 1));
    this.takeDrops(document.getElementById("stage"));
  }

  takeDrops(stage) {
    // Beside the stage too: the browser would leave the page for the file.
    for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (event) => event.preventDefault());
    stage.addEventListener("dragover", () => stage.classList.add("dropping"));
    stage.addEventListener("dragleave", () => stage.classList.remove("dropping"));
    stage.addEventListener("drop", (event) => {
      stage.classList.remove("dropping");
      const [file] = event.dataTransfer.files;
      if (file) this.send(file);
    });
  }

  async show() {
    this.dialog.showModal();
    this.look("");
    const { images } = await ask("GET", "api/page/images").catch(() => ({ images: [] }));
    this.recent.replaceChildren(...images.filter((work) => work.has_objects).map((work) => this.work(work)));
    if (!this.recent.children.length) this.recent.replaceChildren(Object.assign(document.createElement("li"), { textContent: "nothing yet" }));
  }

  work(work) {
    const item = document.createElement("li");
    const open = button(`${work.name}, ${work.width} × ${work.height}`, () => this.again(work.image));
    open.className = "work";
    const forget = button("Forget", async () => {
      if (!window.confirm(`Forget ${work.name} and its objects? This can't be taken back.`)) return;
      await ask("DELETE", `api/page/images/${work.image}`).catch((error) => this.app.status.fail(error));
      item.remove();
    });
    forget.setAttribute("aria-label", `Forget ${work.name} and its objects`);
    item.append(open, forget);
    return item;
  }

  /** Show a folder below the roots. */
  async look(path) {
    const found = await ask("GET", `api/files?path=${encodeURIComponent(path)}`).catch((error) => ({ error }));
    if (found.error) {
      this.app.status.fail(found.error);
      return;
    }
    const list = document.createElement("ul");
    const inside = (name) => (path ? `${found.path}/${name}` : name);
    const add = (text, act) => {
      const item = document.createElement("li");
      item.append(button(text, act));
      list.append(item);
    };
    if (path) add("↑ all folders", () => this.look(""));
    for (const name of found.folders) add(`${name}/`, () => this.look(inside(name)));
    for (const name of found.files) add(name, () => this.path(inside(name)));
    if (!path && !found.folders.length) {
      const words = document.createElement("p");
      words.className = "quiet";
      words.textContent = "The server was started without --root: it opens no paths. With samj-bridge serve --root FOLDER it opens files of any size there.";
      this.folder.replaceChildren(words);
      return;
    }
    this.folder.replaceChildren(list);
  }

  send(file) {
    return this.run(file.name, async (signal) => {
      // The server would close the line while it is still being sent, and the browser would not hear why.
      const { most_bytes: most } = file.size > SMALL ? await ask("GET", "api/page/images", undefined, { signal }) : { most_bytes: SMALL };
      if (file.size > most) throw new ApiError(tooLarge(file, most), "too-large", 413);
      return ask("POST", "api/page/images", file, { signal, once: true, headers: { "X-Samj-Name": encodeURIComponent(file.name) } });
    });
  }

  path(path) {
    return path && this.run(path, (signal) => ask("POST", "api/page/images", { path }, { signal, once: true }));
  }

  /** Go to another plane of the file, whose objects are its own. */
  async plane(number) {
    const { image, plane, planes } = this.app.image;
    const wanted = Math.min(Math.max(Math.round(number) || 0, 0), planes - 1);
    const path = `api/page/images/${image}/plane`;
    const done = await this.run(`plane ${wanted + 1}`, (signal) => ask("POST", path, { plane: wanted }, { signal, once: true }));
    if (!done) document.getElementById("plane").value = plane + 1;
  }

  again(image) {
    return this.run("the image", (signal) => ask("GET", `api/page/images/${image}`, undefined, { signal }));
  }

  async run(name, opens) {
    const { app } = this;
    this.dialog.close();
    const controller = new AbortController();
    const task = app.status.task(`Opening ${name}`, () => controller.abort());
    app.status.clear();
    try {
      await app.open(await opens(controller.signal));
      return true;
    } catch (error) {
      if (!controller.signal.aborted) app.status.fail(error);
      return false;
    } finally {
      task.done();
    }
  }
}

function tooLarge(file, most) {
  const [size, limit] = [file.size, most].map((bytes) => `${Math.round(bytes / 1e6)} MB`);
  return `${file.name} has ${size}; what is sent may have ${limit}. Put it into a folder that the server opens (samj-bridge serve --root FOLDER), and open it by its path: there it may have any size.`;
}

export function button(text, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.addEventListener("click", act);
  return made;
}
