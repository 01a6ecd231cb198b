// Every object of the image, or of the box that is drawn: kept as they are found, one undo for all of them.

import { lines } from "./api.js";

const EVERY_MS = 300;

export async function everything(app) {
  const { store, status } = app;
  const box = app.proposal.prompt?.box;
  app.proposal.dropIt();
  const controller = new AbortController();
  const task = status.task(box ? "Everything in the box" : "Everything", () => controller.abort(), { quick: 0 });
  app.searching = true;
  app.search = controller; // another image ends it
  app.refresh();
  const found = [];
  let waiting = [];
  let failed = null;
  const keep = () => {
    if (waiting.length) store.commit(waiting.map((item) => ({ put: item })));
    found.push(...waiting);
    waiting = [];
  };
  const timer = setInterval(keep, EVERY_MS);
  const body = { model: app.model(), ...(box ? { within: box } : {}) };
  try {
    await lines(`api/images/${store.image}/everything`, body, (line) => {
      if (line.region) waiting.push(app.itemOf(line.region.properties));
      else if (line.progress) task.tell(line.progress.message, line.progress.fraction ?? undefined);
      else if (line.error) failed = line.error;
    }, controller.signal);
  } catch (error) {
    failed = error;
  }
  clearInterval(timer);
  task.done();
  keep();
  app.searching = false;
  // What is undone is done in the image that is shown.
  if (found.length && store === app.store) {
    const undo = found.map(({ id }) => ({ drop: id }));
    app.history.push({ label: `${found.length} objects`, objects: [undo, found.map((item) => ({ put: item }))] });
  }
  if (failed && !controller.signal.aborted) status.fail(failed);
  const words = controller.signal.aborted ? "Stopped. " : "";
  if (store === app.store) app.tell(`${words}${found.length} objects found and kept. Undo takes them back.`);
}
