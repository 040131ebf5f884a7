// One recording: what it is, its timeline, its events, how a client reaches it, and playing it.

import { api } from "./api.js";
import { copyButton, h, put, tabs } from "./dom.js";
import { eventsView } from "./events.js";
import { jsonBlock } from "./json.js";
import { player } from "./player.js";
import { snippets } from "./snippets.js";
import { timelineView } from "./timeline.js";
import { bytes, count, link, pathOf, seconds, serverUrl } from "./words.js";

export function recordingView(turn) {
  const element = h("article", { class: "recording" }, h("p", { class: "muted loading" }, "Loading…"));
  const aborted = new AbortController();
  let playing = null;
  load();

  async function load() {
    const base = turn.replace(/#\d+$/, "");
    let about, timeline;
    try {
      const known = (name) => name.split("/").map(encodeURIComponent).join("/");
      [timeline, about] = await Promise.all([
        api(`/timelines/${known(turn)}`, { signal: aborted.signal }),
        api(`/recordings/${known(base)}`, { signal: aborted.signal }),
      ]);
    } catch (error) {
      if (error.name !== "AbortError") put(element, back(), h("p", { class: "problem" }, error.message));
      return;
    }
    if (aborted.signal.aborted || !about || !timeline) return; // another view is shown by now
    const number = Number(/#(\d+)$/.exec(turn)?.[1] ?? 1);
    const here = about.turns[number - 1];
    const url = serverUrl() + pathOf(turn);
    const drawn = timelineView(timeline);
    playing = player(turn, timeline, drawn);
    const findings = about.findings.filter((one) => one.turn === number);
    const pages = [
      ["play", "Play", () => playing.element],
      ["events", `Events (${timeline.events.toLocaleString("en")})`, () => (events ??= eventsView(turn, timeline)).element],
      ["clients", "Clients", () => snippets(url)],
      ["checks", `Checks (${findings.length})`, () => findingsView(findings, timeline)],
      timeline.request && ["request", "Its request", () => jsonBlock(JSON.stringify(timeline.request))],
      timeline.body !== null && ["body", "Its answer", () => jsonBlock(JSON.stringify(timeline.body))],
    ].filter(Boolean);
    let events = null;
    put(element,
      back(),
      h("header", { class: "head" },
        h("h2", {}, turn),
        h("span", { class: `tag ${timeline.end === "completed" ? "good" : timeline.status >= 400 || /failed|cut|error/.test(timeline.end) ? "bad" : "warn"}` }, timeline.end),
        timeline.note && h("p", { class: "lead" }, timeline.note)),
      about.turns.length > 1 && h("nav", { class: "turns", "aria-label": "Turns" }, about.turns.map((one, place) =>
        h("a", { href: link("recordings", place ? `${base}#${place + 1}` : base), "aria-current": place + 1 === number ? "true" : undefined }, `Turn ${place + 1}`))),
      h("div", { class: "url" }, h("span", { class: "url-label" }, "Base URL"), h("code", {}, url), copyButton(url, "the base URL")),
      timeline.events > 0 && h("dl", { class: "facts" },
        fact("Takes", seconds(timeline.seconds)), fact("First token", seconds(timeline.first_token)),
        fact("Longest pause", seconds(timeline.longest_gap)), fact("Bursts", timeline.bursts.toLocaleString("en")),
        fact("Events", timeline.events.toLocaleString("en")), fact("Size", bytes(timeline.size)),
        fact("Played", here ? count(here.plays, "time") : "–"), about.format && fact("Format", about.format)),
      here?.faults.length > 0 && h("p", { class: "problem" }, "Faults of its own: ", here.faults.join("; ")),
      timeline.events > 0 && drawn.element,
      tabs("Recording", pages, timeline.events > 0 ? "play" : "clients"));
    if (about.source) element.append(h("p", { class: "muted source" }, about.source));
  }

  return { element, close: () => { aborted.abort(); playing?.close(); } };
}

export function back(section = "recordings") {
  return h("a", { class: "back", href: `#/${section}` }, "← Back to the list");
}

export function fact(name, value) {
  return h("div", {}, h("dt", {}, name), h("dd", {}, value));
}

function findingsView(findings, timeline) {
  if (!timeline.events) return h("p", { class: "muted" }, "This answer has no events.");
  if (!findings.length) return h("p", { class: "fine" }, "This is a legal stream: nothing is found.");
  return h("ul", { class: "findings" }, findings.slice(0, 500).map((one) =>
    h("li", {}, h("span", { class: `tag ${one.level === "error" ? "bad" : "warn"}` }, one.level), " ", h("code", {}, one.code), " ", one.message,
      one.line !== null && h("span", { class: "muted" }, ` line ${one.line}`))));
}
