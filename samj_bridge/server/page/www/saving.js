// Objects saved as a file of one of the formats.

import { fetched } from "./api.js";

export async function save(app) {
  const { store, status } = app;
  const kind = document.getElementById("format").value;
  const controller = new AbortController();
  const task = status.task("Making the file", () => controller.abort());
  status.clear();
  try {
    // What is kept is what is saved: everything has to be there first.
    while (store.sending) await store.sending;
    const response = await fetched("GET", `api/page/images/${store.image}/export/${kind}`, undefined, { signal: controller.signal });
    const name = decodeURIComponent(response.headers.get("Content-Disposition").split("''")[1]);
    const address = URL.createObjectURL(await response.blob());
    Object.assign(document.createElement("a"), { href: address, download: name }).click();
    // The browser may still be reading it.
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
    app.tell(`${name} is saved.`);
  } catch (error) {
    if (!controller.signal.aborted) status.fail(error);
  } finally {
    task.done();
  }
}
