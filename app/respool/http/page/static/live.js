// What is under way: streams as they run, and the one that is under hand.

import { api, has, query } from "./api.js";
import { controls } from "./controls.js";
import { button, field, h, put, toast } from "./dom.js";
import { eventRow } from "./events.js";
import { jsonBlock } from "./json.js";
import { List } from "./list.js";
import { back, fact } from "./recording.js";
import { count, link, seconds, sessionName } from "./words.js";

const OFTEN = 500; // milliseconds between two looks, while streams run

export function live({ feed }) {
  const byHand = has("/playbacks");
  let all = [];
  let shown = "";
  let timer = 0;
  let closed = false;
  let detailOf = null;
  const told = h("p", { class: "told", role: "status" });
  const search = h("input", { type: "search", placeholder: "Search streams", "aria-label": "Search streams", on: { input: paint } });
  const list = new List({
    label: "Live streams", rowHeight: 62, row, empty: "No stream is under way. Ask for a response, or play a recording.",
    open: (one) => (location.hash = link("live", one.id)),
  });
  const detail = h("div", { class: "detail" });

  function row(one) {
    return [
      h("span", { class: "row-head" }, h("span", { class: "name" }, one.recording ?? one.path), h("span", { class: `tag ${{ held: "warn", aborted: "bad" }[one.state] ?? "good"}` }, one.state)),
      h("progress", { max: Math.max(1, one.events ?? 1), value: one.sent, "aria-label": "sent" }),
      h("span", { class: "row-facts" }, [sessionName(one.session), one.transport, one.events ? `${one.sent} of ${one.events}` : count(one.sent, "event"), one.next && `next ${one.next.type.replace(/^response\./, "")}`].filter(Boolean).join(" · ")),
    ];
  }

  async function look() {
    clearTimeout(timer);
    try {
      all = byHand ? await playbacks() : await pending();
    } catch (error) {
      told.textContent = error.message;
    }
    if (closed) return;
    paint();
    detailOf?.update(all.find((one) => one.id === shown));
    if (all.length && document.visibilityState === "visible") timer = setTimeout(look, OFTEN);
  }

  async function playbacks() {
    return (await api("/playbacks?state=running&state=held")).playbacks;
  }

  async function pending() {
    const found = await api(`/requests${query({ pending: true, limit: 1000 })}`);
    return found.requests.filter((one) => one.recording !== null).map((one) => ({ ...one, id: String(one.id), state: "running", sent: one.events, events: null, transport: "" }));
  }

  function paint() {
    const words = search.value.trim().toLowerCase();
    const found = words ? all.filter((one) => `${one.id} ${one.recording} ${one.session} ${one.state}`.toLowerCase().includes(words)) : all;
    const held = all.filter((one) => one.state === "held").length;
    told.textContent = `${count(all.length, "stream")}${held ? `, ${held.toLocaleString("en")} held` : ""}`;
    list.show(found);
  }

  const onRequest = () => {
    clearTimeout(timer);
    timer = setTimeout(look, 60);
  };
  feed.addEventListener("request", onRequest);
  feed.addEventListener("open", onRequest); // what came before is not told
  document.addEventListener("visibilitychange", onRequest);
  const first = look();
  put(detail, h("div", { class: "welcome" }, h("h2", {}, "Live streams"), h("p", {}, byHand ? "Choose a stream to step through it, release it or cut it." : "Streams appear here while they run.")));

  return {
    element: h("div", { class: "split" }, h("section", { class: "side", "aria-label": "All live streams" }, h("div", { class: "tools" }, search), told, list.box), detail),
    close() {
      closed = true;
      clearTimeout(timer);
      feed.removeEventListener("request", onRequest);
      feed.removeEventListener("open", onRequest);
      document.removeEventListener("visibilitychange", onRequest);
    },
    async show(id) {
      shown = id;
      detailOf = null;
      await first;
      if (!id || shown !== id) return;
      const known = all.find((one) => one.id === id);
      detailOf = streamView(id, known, byHand, look);
      put(detail, detailOf.element);
      const place = list.items?.findIndex((one) => one.id === id) ?? -1;
      if (place >= 0) list.choose(place, { open: false });
    },
  };
}

function streamView(id, known, byHand, look) {
  const facts = h("dl", { class: "facts" });
  const bar = h("progress", { "aria-label": "Events sent" });
  const head = h("h2", {}, known?.recording ?? id);
  const state = h("span", { class: "tag" });
  const next = h("p", { class: "lead" });
  const hand = h("div", { class: "bar hand" }, byHand && controls(id, { after: look }));
  const text = h("div", { class: "transcript still", role: "region", tabindex: "0", "aria-label": "The text so far" });
  let last = known;
  let painted = -1;
  const list = new List({
    label: "Events of the stream", rowHeight: 30, kind: "events",
    row: (event, place) => h("span", { class: place < (last?.sent ?? 0) ? "e-sent" : place === last?.sent ? "e-next" : "e-later" }, eventRow(event)),
    open: (event) => put(one, jsonBlock(event.text, { size: event.size })),
    fetchPage: async (offset, limit) => {
      if (!last?.recording) return { items: [], total: 0 };
      const page = await api(`/recorded-events/${last.recording.split("/").map(encodeURIComponent).join("/")}${query({ offset, limit })}`);
      return { items: page.events, total: page.total };
    },
  });
  const one = h("div", { class: "chosen" }, h("p", { class: "muted" }, "Choose an event to see its text as it was recorded."));
  const injected = h("textarea", { rows: "3", spellcheck: "false" });
  injected.value = '{"type": "response.output_text.delta", "delta": "injected "}';
  const inject = byHand && has("/playbacks/{id}/inject", "post") && h("details", {}, h("summary", {}, "Inject an event"), field("The event, as JSON", injected), button("Inject", async () => {
    try {
      await api(`/playbacks/${encodeURIComponent(id)}/inject`, { method: "POST", body: { event: JSON.parse(injected.value) } });
    } catch (error) {
      toast(error.message, true);
    }
    look();
  }, { class: "small" }));

  async function paintText(sent) {
    if (sent === painted || !last?.recording) return;
    painted = sent;
    let said = "";
    let before = "";
    for (let place = 0; place < sent; place++) {
      const event = list.item(place);
      if (!event) break;
      if (!/(output_text|refusal|reasoning\w*|arguments)\.delta$/.test(event.type)) continue;
      try {
        const { delta, output_index, content_index, summary_index } = JSON.parse(event.text);
        const part = `${output_index}-${content_index}-${summary_index}`;
        said += `${said && part !== before ? "\n\n" : ""}${delta ?? ""}`;
        before = part;
      } catch { /* long: cut */ }
    }
    text.textContent = said || "No text yet.";
  }

  function update(now) {
    if (!now) {
      if (last) {
        state.textContent = "ended";
        state.className = "tag";
        next.textContent = "This stream has ended; the journal tells how.";
        hand.hidden = true;
      } else next.textContent = `There is no stream ${id} under way.`;
      return;
    }
    last = now;
    head.textContent = now.recording ?? id;
    state.textContent = now.state;
    state.className = `tag ${now.state === "held" ? "warn" : "good"}`;
    bar.max = Math.max(1, now.events ?? 1);
    bar.value = now.sent;
    next.textContent = now.next ? `Next: ${now.next.type}${now.next.due === null ? ", when it is released" : ` in ${seconds(now.next.due)}`}` : "";
    put(facts, fact("Stream", now.id), fact("Session", sessionName(now.session)), fact("Sent", now.events ? `${now.sent} of ${now.events}` : now.sent), now.held_at && fact("Held", now.held_at), now.transport && fact("Transport", now.transport));
    list.paint();
    paintText(now.sent);
  }

  list.reload().then(() => {
    if (last && last.sent > 8) list.element.scrollTop = (last.sent - 6) * 30;
    painted = -1;
    update(last);
  });
  update(known);
  return {
    element: h("article", { class: "recording" }, back("live"), h("header", { class: "head" }, head, state), next, bar, hand, facts, text, inject, h("div", { class: "events-view" }, list.box, one)),
    update,
  };
}
