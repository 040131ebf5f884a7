// The journal: what was asked, what answered and why.

import { api, query } from "./api.js";
import { compareView } from "./compare.js";
import { h, put, select, tabs } from "./dom.js";
import { jsonBlock } from "./json.js";
import { List } from "./list.js";
import { back, fact } from "./recording.js";
import { bytes, clock, count, link, seconds, sessionName } from "./words.js";

const MOST = 1000;

export function journal({ feed, has }) {
  let known = new Map();
  const loads = new Set();
  let shown = "";
  let frame = 0;
  const told = h("p", { class: "told", role: "status" });
  const search = h("input", { type: "search", placeholder: "Search", "aria-label": "Search requests", on: { input: paint } });
  const which = select([["", "All"], ["unmatched", "Unanswered"], ["pending", "Under way"], ["errors", "Errors"]], "", paint);
  which.setAttribute("aria-label", "Which requests");
  const list = new List({
    label: "Requests", rowHeight: 62, row, empty: "No request has come yet. Point a client at a base URL.",
    open: (one) => (location.hash = link("journal", String(one.id))),
  });
  const detail = h("div", { class: "detail" }, h("div", { class: "welcome" }, h("h2", {}, "Choose a request"), h("p", {}, "See what was asked, which recording answered and why, and what differs from the nearest recording.")));

  function row(one) {
    const bad = one.status === null || one.status >= 400 || one.ended;
    return [
      h("span", { class: "row-head" }, h("span", { class: "muted number" }, one.id), h("span", { class: "name" }, `${one.method} ${one.path}`),
        h("span", { class: `tag ${one.pending ? "warn" : bad ? "bad" : "good"}` }, one.status ?? (one.pending ? "under way" : "left"))),
      h("span", { class: "row-facts" }, [clock(one.received), one.recording, one.unmatched && "nothing answered", one.session && `session ${one.session}`, one.events ? count(one.events, "event") : "", one.seconds !== null && seconds(one.seconds), one.ended].filter(Boolean).join(" · ")),
    ];
  }

  function paint() {
    frame = 0;
    const words = search.value.trim().toLowerCase();
    const kind = which.value;
    const found = [...known.values()].reverse().filter((one) =>
      (!words || `${one.id} ${one.method} ${one.path} ${one.recording} ${one.session} ${one.status} ${one.why} ${one.ended} ${one.request_id} ${one.response_id}`.toLowerCase().includes(words)) &&
      (!kind || (kind === "unmatched" && one.unmatched) || (kind === "pending" && one.pending) || (kind === "errors" && one.status >= 400)));
    told.textContent = `${count(found.length, "request")}, newest first`;
    list.active = found.findIndex((one) => String(one.id) === shown);
    list.show(found);
  }

  async function load() {
    const came = new Map(); // while it is loaded: newer than what is loaded
    loads.add(came);
    try {
      const page = await api(`/requests${query({ limit: MOST })}`);
      known = new Map([...page.requests.map((one) => [one.id, one]), ...came]);
    } finally {
      loads.delete(came);
    }
    paint();
  }

  const onRequest = ({ detail: one }) => {
    known.set(one.id, one);
    for (const came of loads) came.set(one.id, one);
    if (known.size > MOST) known.delete(known.keys().next().value);
    frame ||= requestAnimationFrame(paint);
    if (String(one.id) === shown && !one.pending) open(shown);
  };
  const onOpen = () => load();
  feed.addEventListener("request", onRequest);
  feed.addEventListener("dropped", onOpen);
  feed.addEventListener("open", onOpen);
  load();

  async function open(id) {
    let one;
    try {
      one = await api(`/requests/${encodeURIComponent(id)}`);
    } catch (error) {
      put(detail, back("journal"), h("p", { class: "problem" }, error.message));
      return;
    }
    if (shown === id) put(detail, requestView(one, has));
  }

  return {
    element: h("div", { class: "split" }, h("section", { class: "side", "aria-label": "All requests" }, h("div", { class: "tools" }, search, which), told, list.box), detail),
    close() {
      feed.removeEventListener("request", onRequest);
      feed.removeEventListener("dropped", onOpen);
      feed.removeEventListener("open", onOpen);
    },
    show(id) {
      if (shown === id) return;
      shown = id;
      if (id) open(id);
      paint();
    },
  };
}

function requestView(one, has) {
  const body = typeof one.body === "string" ? one.body : one.body === null ? "" : JSON.stringify(one.body);
  const comparable = has("/requests/{id}/compare") && one.body && typeof one.body === "object";
  const pages = [
    ["body", `Body (${bytes(one.body_size)})`, () => (body ? jsonBlock(body, { size: one.body_size }) : h("p", { class: "muted" }, one.body_dropped ? "The body is not kept any more." : "No body."))],
    ["headers", "Headers", () => h("table", { class: "pairs" }, h("tbody", {}, Object.entries(one.headers).map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value)))))],
    (one.near_misses.length > 0 || one.unmatched) && ["near", `Near misses (${one.near_misses.length})`, () => nearView(one)],
    comparable && ["compare", "Compare", () => compareView(one)],
  ].filter(Boolean);
  return h("article", { class: "recording" }, back("journal"),
    h("header", { class: "head" }, h("h2", {}, `${one.method} ${one.path}`), h("span", { class: `tag ${one.status >= 400 || one.status === null ? "bad" : "good"}` }, one.status ?? "no answer")),
    one.input_text && h("blockquote", {}, one.input_text.slice(0, 1000)),
    h("p", { class: "lead" }, one.recording !== null ? ["Answered by ", h("a", { href: link("recordings", one.recording) }, one.recording), one.why && ` — ${one.why}`] : one.unmatched ? `Nothing answered${one.why ? `: ${one.why}` : "."}` : one.why),
    one.ended && h("p", { class: "problem" }, `It ended: ${one.ended}`),
    h("dl", { class: "facts" }, fact("Arrived", clock(one.received)), fact("Took", seconds(one.seconds)), fact("Events", one.events), fact("Session", sessionName(one.session)), fact("Latest delay", seconds(one.lateness)),
      one.response_id && fact("Response", one.response_id), fact("Request", one.request_id), one.faults.length > 0 && fact("Faults", one.faults.join("; "))),
    tabs("Request", pages, one.unmatched && one.near_misses.length ? "near" : "body"));
}

function nearView(one) {
  if (!one.near_misses.length) return h("p", { class: "muted" }, "No recording that carries its request is near. Record one, or name it in the path.");
  return h("ul", { class: "near" }, one.near_misses.map((near) => {
    if (near.stub !== undefined) return h("li", {}, h("h3", {}, `Stub ${near.stub}`), h("ul", {}, (near.failed ?? []).map((text) => h("li", {}, String(text)))));
    const name = near.turn > 1 ? `${near.recording}#${near.turn}` : near.recording;
    return h("li", {}, h("h3", {}, h("a", { href: link("recordings", name) }, name), h("span", { class: "muted" }, ` distance ${near.distance.toFixed(3)}`)),
      h("table", { class: "pairs" }, h("thead", {}, h("tr", {}, ["Where", "Recorded", "Received"].map((text) => h("th", { scope: "col" }, text)))),
        h("tbody", {}, near.differences.map((difference) => h("tr", {}, h("th", { scope: "row" }, difference.pointer), h("td", {}, difference.recorded ?? "absent"), h("td", {}, difference.received ?? "absent"))))),
      near.hint && h("p", { class: "fine" }, `To make it match: ${near.hint}`));
  }));
}
