// Plays a recording in the page, as a client of this server: with a speed, faults and holds.

import { api, asClient, events, has } from "./api.js";
import { button, field, h, put, select } from "./dom.js";
import { controls } from "./controls.js";
import { transcript } from "./transcript.js";
import { count, kindOf, link, pathOf, seconds, serverUrl } from "./words.js";

const SPEEDS = [["", "the session's own"], ["0.1", "0.1 × (slow)"], ["0.5", "0.5 ×"], ["1", "as recorded"], ["2", "2 ×"], ["10", "10 ×"], ["100", "100 ×"]];
const HOLDS = [["", "no hold"], ["after=response.created", "after response.created"], ["before=response.output_text.delta", "before the first text"], ["after=response.output_text.delta#2", "after the second text delta"], ["before=terminal", "before the end"], ["custom", "another…"]];
const SESSION = "page"; // unless another one is chosen

let faultNames = null;

export function player(turn, timeline, drawn) {
  const out = transcript();
  const told = h("p", { class: "told", role: "status" });
  const ticker = h("ol", { class: "ticker", "aria-label": "Latest events" });
  const hand = h("div", { class: "hand" });
  const faults = h("input", { type: "text", placeholder: "abort(after=5)", spellcheck: "false", autocomplete: "off", list: "fault-names" });
  const hold = select(HOLDS, "", (value) => (custom.hidden = value !== "custom"));
  const customInput = h("input", { type: "text", value: "after=response.output_item.added", spellcheck: "false" });
  const custom = field("Hold at", customInput);
  custom.hidden = true;
  const speed = select(SPEEDS, "1");
  const session = h("input", { type: "text", value: SESSION, maxlength: "200", spellcheck: "false", autocomplete: "off" });
  const input = h("input", { type: "text", value: timeline.request ? "as recorded" : "Hello" });
  const play = button("▶ Play", start, { class: "primary" });
  const stop = button("■ Stop", () => running?.abort(), { disabled: true });
  const names = h("datalist", { id: "fault-names" });
  let running = null;
  let closed = false;
  fillFaults(names);

  const element = h("div", { class: "player" },
    h("div", { class: "bar play-bar" },
      has("/clock", "put") && field("Speed", speed),
      field("Session", session),
      field("Faults", faults), names,
      has("/playbacks") && field("Hold", hold), custom,
      h("div", { class: "buttons" }, play, stop)),
    told, hand,
    h("div", { class: "played" }, out.element, h("div", { class: "ticker-box" }, h("h3", {}, "Latest events"), ticker)));

  async function start() {
    running?.abort();
    const aborted = (running = new AbortController());
    put(ticker);
    put(hand);
    out.clear();
    play.disabled = true;
    stop.disabled = false;
    told.textContent = "asked…";
    let number = 0;
    let began = performance.now();
    let how = "ended";
    const name = session.value.trim();
    try {
      if (has("/clock", "put") && speed.value) await api("/clock", { method: "PUT", body: { session: name, mode: "real", speed: Number(speed.value) } });
      const headers = { "content-type": "application/json" };
      if (name) headers["x-respool-session"] = name;
      if (faults.value.trim()) headers["x-respool-fault"] = faults.value.trim();
      const held = hold.value === "custom" ? customInput.value.trim() : hold.value;
      if (held) headers["x-respool-hold"] = held;
      began = performance.now();
      const body = timeline.request ? { ...timeline.request, stream: true } : { model: "gpt-5.2", input: input.value, stream: true };
      const response = await asClient(`${serverUrl()}${pathOf(turn)}/responses`, { method: "POST", signal: aborted.signal, headers, body: JSON.stringify(body) }, !headers["x-respool-fault"]).catch(fetchProblem);
      told.textContent = `status ${response.status}`;
      if (!/event-stream/.test(response.headers.get("content-type") ?? "")) {
        out.answer(response.status, await response.text());
        how = `answered with ${response.status}`;
        return;
      }
      if (held) showHand(name, response.headers.get("x-request-id"));
      for await (const { event, data } of events(response)) {
        number += 1;
        out.take(event, data);
        const at = (performance.now() - began) / 1000;
        told.textContent = `${count(number, "event")} · ${seconds(at)}`;
        drawn.at(Math.min(timeline.seconds, at * (Number(speed.value) || 1)));
        ticker.append(h("li", { "data-kind": kindOf(event) }, h("span", { class: "e-moment" }, seconds(at)), " ", event.replace(/^response\./, "")));
        if (ticker.children.length > 30) ticker.firstChild.remove();
        ticker.scrollTop = ticker.scrollHeight;
      }
      if (!out.ended()) how = "ended without a terminal event";
    } catch (error) {
      how = error.name === "AbortError" ? "stopped by you" : `broke: ${error.message}`;
    } finally {
      if (!closed && running === aborted) {
        told.textContent = `${how} · ${count(number, "event")} · ${seconds((performance.now() - began) / 1000)}`;
        play.disabled = false;
        stop.disabled = true;
        drawn.at(null);
        put(hand);
        out.stop();
      }
    }
  }

  /** While it is held, step and release are at hand. */
  async function showHand(name, requestId) {
    const { playbacks } = await api(`/playbacks?session=${encodeURIComponent(name)}&state=running&state=held`);
    const found = playbacks.find((one) => one.request_id === requestId) ?? playbacks.at(-1);
    if (found && running) put(hand, h("span", {}, "Held. By hand: "), controls(found.id), h("a", { href: link("live", found.id) }, "Show under Live"));
  }

  return { element, close() { closed = true; running?.abort(); } };
}

function fetchProblem(error) {
  if (error.name === "AbortError") throw error;
  throw new Error("the connection was lost before an answer");
}

async function fillFaults(datalist) {
  if (!has("/faults/kinds")) return;
  faultNames ??= api("/faults/kinds");
  const known = await faultNames;
  put(datalist, known.faults.map((one) => h("option", { value: one.name }, one.summary)));
}
