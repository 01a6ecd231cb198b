// What a reload must not lose: the server has the objects, the tab what was being done.

const KEY = "samj-tab";
const STEPS = "samj-steps";
const MODEL = "samj-model";
const LATER_MS = 400; // not while an outline is waited for

let waiting = null;

/** Note what is being done, a moment later, or at once when the page goes. */
export function remember(app) {
  if (!app.image || waiting) return;
  const note = () => {
    clearTimeout(timer);
    window.removeEventListener("pagehide", note);
    waiting = null;
    try {
      sessionStorage.setItem(KEY, JSON.stringify(noted(app)));
      sessionStorage.setItem(STEPS, app.history.kept());
    } catch {
      // No room in the tab: undo begins anew after a reload.
      sessionStorage.removeItem(STEPS);
    }
  };
  const timer = setTimeout(note, LATER_MS);
  window.addEventListener("pagehide", note);
  waiting = note;
}

function noted({ image, proposal, chosenClass }) {
  const { asking, prompt, editing } = proposal;
  return {
    image: image.image,
    proposal: asking ? asking.before : proposal.snapshot(),
    asked: asking && { prompt, editing },
    class: chosenClass(),
  };
}

export function recall(app) {
  const value = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  if (value?.image !== app.image.image) return;
  app.history.restore(sessionStorage.getItem(STEPS));
  document.getElementById("class").value = app.store.classes.includes(value.class) ? value.class : "";
  app.proposal.restore(value.proposal);
  if (value.asked) app.proposal.ask(value.asked.prompt, value.asked.editing, "the object");
}

export function keepModel(model) {
  sessionStorage.setItem(MODEL, model);
}

export function keptModel() {
  return sessionStorage.getItem(MODEL);
}
