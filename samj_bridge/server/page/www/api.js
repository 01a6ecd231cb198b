// Asks the server. Addresses are as seen from the page, so that the token in its own address goes along.

export class ApiError extends Error {
  constructor(message, code, status) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

export function newId() {
  // crypto.randomUUID is for https and this machine only; the page may be asked from another one.
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Who this tab is in the server's queue: tabs take turns.
const CLIENT = `page-${newId().slice(0, 8)}`;
const PAUSES_MS = [200, 500, 1000, 2000];

const listeners = new Set();
let away = false;

/** Call `listener(away)` whenever the server stops or begins to answer. */
export function onConnection(listener) {
  listeners.add(listener);
}

function setAway(now) {
  if (now === away) return;
  away = now;
  for (const listener of listeners) listener(away);
}

function headersOf(body, more) {
  const headers = { "X-Samj-Client": CLIENT, ...more };
  if (body !== undefined && !(body instanceof Blob)) headers["Content-Type"] = "application/json";
  return headers;
}

function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/**
 * Return the response to a request. A server that does not answer, since it is being started again, is waited for:
 * `once` says that a request must not be sent twice.
 */
export async function fetched(method, path, body, { signal, headers, once = false } = {}) {
  const data = body === undefined || body instanceof Blob ? body : JSON.stringify(body);
  for (let attempt = 0; ; attempt += 1) {
    let response;
    try {
      response = await fetch(path, { method, body: data, signal, headers: headersOf(body, headers), cache: "no-store" });
    } catch (error) {
      if (signal?.aborted || once) throw error;
      setAway(true);
      await pause(PAUSES_MS[Math.min(attempt, PAUSES_MS.length - 1)], signal);
      continue;
    }
    setAway(false);
    if (response.status === 503 && !once && attempt < 20) {
      const { code } = await response.clone().json().catch(() => ({}));
      if (code === "busy" || code === "ending") {
        await pause(1000, signal);
        continue;
      }
    }
    if (!response.ok) throw await errorOf(response);
    return response;
  }
}

async function errorOf(response) {
  const said = await response.json().catch(() => ({}));
  return new ApiError(said.detail ?? `The server answered ${response.status}.`, said.code ?? "http", response.status);
}

/** Return the JSON that is answered. */
export async function ask(method, path, body, options = {}) {
  const response = await fetched(method, path, body, options);
  let value;
  try {
    value = await response.json();
  } catch (error) {
    // The server went away in the middle of an answer.
    if (options.signal?.aborted || options.once) throw error;
    return ask(method, path, body, options);
  }
  // An answer that took long has begun before its end was known: its status says nothing.
  if (value && typeof value.detail === "string" && value.code) throw new ApiError(value.detail, value.code, 500);
  return value;
}

/** Call `take(line)` with each line of JSON as it comes. */
export async function lines(path, body, take, signal) {
  const response = await fetched("POST", path, body, { signal, once: true });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    rest += value ?? "";
    const parts = rest.split("\n");
    rest = parts.pop();
    for (const part of parts) if (part.trim()) take(JSON.parse(part));
    if (done) break;
  }
  if (rest.trim()) take(JSON.parse(rest));
}
