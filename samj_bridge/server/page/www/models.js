// Models: which one is asked, what the others need, one button to install each.

import { ask } from "./api.js";
import { button } from "./opening.js";

const LOOK_MS = 500;

export class Models {
  constructor(app) {
    this.app = app;
    this.select = document.getElementById("model");
    this.dialog = document.getElementById("models-dialog");
    this.list = document.getElementById("models-list");
    this.models = [];
    this.select.addEventListener("change", () => app.modelChanged());
    document.getElementById("models").addEventListener("click", () => this.show());
  }

  get chosen() {
    return this.select.value;
  }

  async load(wish) {
    const { models, usual } = await ask("GET", "api/models");
    this.models = models;
    const before = wish || this.select.value || usual;
    this.select.replaceChildren(
      ...models.filter((model) => model.installed).map((model) => new Option(model.title, model.id)),
    );
    this.select.value = before;
    if (!this.select.value) this.select.value = usual;
  }

  async show() {
    this.dialog.showModal();
    await this.load().catch((error) => this.app.status.fail(error));
    this.list.replaceChildren(...this.models.map((model) => this.entry(model)));
    const { installs } = await ask("GET", "api/installs").catch(() => ({ installs: [] }));
    for (const install of installs) if (install.state === "running") this.follow(install);
  }

  entry(model) {
    const entry = document.createElement("div");
    entry.className = "model";
    entry.dataset.model = model.id;
    const title = document.createElement("h3");
    title.textContent = model.title;
    const words = document.createElement("p");
    words.textContent = `${model.good_for} `;
    const facts = document.createElement("p");
    facts.className = "quiet";
    facts.textContent = `${sizeOf(model)}, licence: ${model.licence}. `;
    if (model.homepage) {
      const link = Object.assign(document.createElement("a"), { href: model.homepage, target: "_blank", rel: "noreferrer" });
      link.textContent = `About ${model.title}`;
      facts.append(link);
    }
    entry.append(title, words, facts);
    if (model.installed) entry.append(Object.assign(document.createElement("p"), { textContent: "Installed." }));
    else this.offer(entry, model);
    return entry;
  }

  offer(entry, model) {
    let accepts = null;
    if (model.must_accept) {
      const label = document.createElement("label");
      label.className = "check";
      accepts = Object.assign(document.createElement("input"), { type: "checkbox" });
      label.append(accepts, `I have read the licence (${model.licence}) and may use the model so.`);
      entry.append(label);
    }
    const said = document.createElement("p");
    said.setAttribute("role", "alert");
    const install = button(`Install ${model.title}${model.size_bytes ? ` (${megabytes(model.size_bytes)})` : ""}`, async () => {
      said.textContent = "";
      try {
        const path = `api/models/${encodeURIComponent(model.id)}/install`;
        this.follow(await ask("POST", path, { accept_licence: Boolean(accepts?.checked) }, { once: true }));
      } catch (error) {
        const unread = error.code === "licence-not-accepted";
        said.textContent = unread ? "Nothing was fetched: read the licence and tick the box above first." : error.message;
      }
    });
    entry.append(install, said);
  }

  /** Show how far an installation is, until its end. */
  async follow(install) {
    const entry = this.list.querySelector(`[data-model="${CSS.escape(install.model)}"]`);
    if (!entry || entry.querySelector(".task")) return;
    const path = `api/installs/${install.install}`;
    const stop = () => ask("DELETE", path).catch(() => {});
    const task = this.app.status.task(`Installing ${install.model}`, stop, { where: entry, quick: 0 });
    let now = install;
    try {
      while (now.state === "running") {
        task.tell(now.message, now.percent < 0 ? undefined : now.percent / 100);
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
        now = await ask("GET", path);
      }
    } catch (error) {
      now = { state: "failed", error: { message: error.message } };
    } finally {
      task.done();
    }
    if (now.state === "done") {
      await this.load(install.model);
      this.app.modelChanged();
      this.app.tell(`${install.model} is installed, and is asked from now on.`);
      entry.replaceWith(this.entry(this.models.find((model) => model.id === install.model)));
    } else {
      const words = now.state === "cancelled" ? "Cancelled. What has come so far is kept." : (now.error?.message ?? now.message);
      entry.querySelector("[role=alert]").textContent = words;
    }
  }
}

function sizeOf(model) {
  if (model.size_bytes) return megabytes(model.size_bytes);
  return model.packaged ? "part of samj-bridge" : "size not stated";
}

function megabytes(bytes) {
  return `${bytes < 9.5e6 ? (bytes / 1e6).toFixed(1) : Math.round(bytes / 1e6)} MB`;
}
