// The admin API, and event streams.

const TOKEN = "respool-admin-token";
const base = location.pathname.replace(/[^/]*$/, "").replace(/\/$/, "");

let askForToken = null;

/** Have `ask`, an async function, called for a token when one is needed; it gets whether one was wrong. */
export function onTokenNeeded(ask) {
  askForToken = ask;
}

const KEY = "respool-api-key";
let askForKey = null;

/** Have `ask` called, likewise, when the API itself wants a key. */
export function onKeyNeeded(ask) {
  askForKey = ask;
}

/**
 * Ask the API as a client does, with the key that this tab has. Where the server refuses it, ask for another: but a
 * 401 that was played, or that is a fault, is an answer like any other.
 */
export async function asClient(url, { headers: given, ...options }, refusals = true) {
  for (;;) {
    const key = sessionStorage.getItem(KEY);
    const response = await fetch(url, { ...options, headers: key ? { ...given, authorization: `Bearer ${key}` } : given });
    if (response.status !== 401 || !refusals || !askForKey || response.headers.has("x-respool-match")) return response;
    sessionStorage.setItem(KEY, await askForKey(key !== null));
  }
}

export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

function headers(more = {}) {
  const token = sessionStorage.getItem(TOKEN);
  return token ? { ...more, authorization: `Bearer ${token}` } : more;
}

let asking = null;

async function authorised(send) {
  for (;;) {
    const shown = sessionStorage.getItem(TOKEN);
    const response = await send();
    if (response.status !== 401 || !askForToken) return response;
    if (sessionStorage.getItem(TOKEN) !== shown) continue; // it was given meanwhile
    asking ??= askForToken(shown !== null).finally(() => (asking = null));
    sessionStorage.setItem(TOKEN, await asking);
  }
}

/** Ask the admin API. Throw ApiError. */
export async function api(path, { method = "GET", body, signal } = {}) {
  let response;
  try {
    response = await authorised(() => fetch(`${base}${path}`, {
      method, signal,
      headers: headers(body === undefined ? {} : { "content-type": "application/json" }),
      body: body === undefined ? undefined : JSON.stringify(body),
    }));
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The server does not answer. Does it still run?", 0);
  }
  let data = null;
  try {
    data = await response.json();
  } catch { /* said below */ }
  if (!response.ok) throw new ApiError(data?.error?.message ?? `The server answers with ${response.status}.`, response.status);
  return data;
}

export function query(values) {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined && value !== null && value !== "") found.set(name, value);
  return found.size ? `?${found}` : "";
}

/** Yield the events of a stream as {event, data}, as they come. */
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let event = "";
  let data = [];
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    for (const line of lines) {
      if (line === "") {
        if (data.length) yield { event: event || "message", data: data.join("\n") };
        event = "";
        data = [];
      } else if (!line.startsWith(":")) {
        const [, name, text] = /^([^:]*)(?:: ?(.*))?$/s.exec(line);
        if (name === "event") event = text ?? "";
        else if (name === "data") data.push(text ?? "");
      }
    }
  }
}

/** Follow /events for ever. `on` gets (event, data), and ("open") and ("closed") as it comes and goes. */
export async function follow(on) {
  for (let failures = 0; ;) {
    try {
      const response = await authorised(() => fetch(`${base}/events`, { headers: headers() }));
      if (!response.ok) throw new ApiError(response.statusText, response.status);
      failures = 0;
      on("open");
      for await (const { event, data } of events(response)) on(event, JSON.parse(data));
    } catch { /* told by "closed", and tried again */ }
    on("closed");
    failures += 1;
    await new Promise((resolve) => setTimeout(resolve, Math.min(10000, 500 * 2 ** failures)));
  }
}

let paths = {};

/** Learn what this server can do: parts of the admin API that are not there are not shown. */
export async function learn() {
  const response = await fetch(`${base}/openapi.json`);
  paths = response.ok ? (await response.json()).paths : {};
}

export function has(path, method = "get") {
  return Boolean(paths[path]?.[method]);
}
