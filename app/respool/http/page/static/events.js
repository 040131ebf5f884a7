// The events of a turn: a list of any length, and the one that is chosen.

import { api, query } from "./api.js";
import { h, put } from "./dom.js";
import { jsonBlock } from "./json.js";
import { List } from "./list.js";
import { kindOf, seconds } from "./words.js";

export function eventsView(turn, timeline) {
  const path = `/recorded-events/${turn.split("/").map(encodeURIComponent).join("/")}`;
  const chosen = h("div", { class: "chosen" }, h("p", { class: "muted" }, "Choose an event to see its text as it was recorded."));
  const list = new List({
    label: "Events", rowHeight: 30, kind: "events", empty: "This answer has no events.",
    row: eventRow,
    open: (event) => put(chosen,
      h("h3", {}, event.type),
      h("p", { class: "muted" }, `number ${event.sequence_number ?? "none"} · at ${seconds(event.moment)}${event.line === null ? "" : ` · line ${event.line}`}`),
      jsonBlock(event.text, { size: event.size, whole: event.text.length < event.size ? () => all(event.place) : null })),
    fetchPage: async (offset, limit) => {
      const page = await api(`${path}${query({ offset, limit })}`);
      return { items: page.events, total: page.total };
    },
  });
  async function all(place) {
    return (await api(`${path}${query({ offset: place, limit: 1, most: 0 })}`)).events[0].text;
  }
  list.reload();
  return { element: h("div", { class: "events-view" }, list.box, chosen), list };
}

export function eventRow(event) {
  return [
    h("span", { class: "e-number" }, event.sequence_number ?? event.place),
    h("span", { class: "e-moment" }, seconds(event.moment)),
    h("span", { class: "e-type", "data-kind": kindOf(event.type) }, event.type.replace(/^response\./, "")),
    h("span", { class: "e-gist" }, event.gist),
  ];
}
