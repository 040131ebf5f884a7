// The timeline of a turn: a row for the response, each item and its parts; bars where events come.

import { h, svg } from "./dom.js";
import { count, kindOf, seconds } from "./words.js";

export function timelineView(timeline) {
  const whole = timeline.seconds || 1e-9;
  const share = (moment) => `${Math.min(100, (moment / whole) * 100)}%`;
  const most = Math.max(1, ...timeline.rows.flatMap((row) => Object.values(row.buckets)));
  const head = h("div", { class: "playhead", hidden: true });
  let kind = "response";
  const rows = timeline.rows.map((row) => {
    if (row.depth === 0 || kindOf(row.label) !== "response") kind = kindOf(row.label);
    return h("div", { class: "line", "data-kind": kind, "data-depth": row.depth },
      h("div", { class: "line-label", title: row.label, style: { "--depth": row.depth } }, row.label),
      h("div", { class: "track" }, track(row, timeline.buckets, most, whole)),
      h("div", { class: "line-time" }, seconds(row.end - row.start)));
  });
  const first = timeline.first_token;
  const side = first !== null && first / whole > 0.75 ? "left" : "right";
  const table = h("table", {}, h("caption", {}, "Timeline"),
    h("thead", {}, h("tr", {}, ["What", "Begins", "Ends", "Events"].map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, timeline.rows.slice(0, 100).map((row) => h("tr", {}, h("th", { scope: "row" }, row.label), h("td", {}, seconds(row.start)), h("td", {}, seconds(row.end)), h("td", {}, row.events)))));
  const element = h("section", { class: "timeline", "aria-label": "Timeline" },
    h("div", { class: "away" }, table),
    h("div", { class: "drawing", "aria-hidden": "true" },
      h("div", { class: "lines" }, rows),
      h("div", { class: "over" },
        first !== null && h("div", { class: `mark ${side}`, style: { left: share(first) } }, h("span", {}, `first token ${seconds(first)}`)),
        head),
      h("div", { class: "axis" }, ticks(whole).map((moment) => h("span", { style: { left: share(moment) } }, seconds(moment))))),
    timeline.rows_left_out > 0 && h("p", { class: "muted" }, `${count(timeline.rows_left_out, "more row")} not drawn`));
  return {
    element,
    /** Show where a play is; null: nowhere. */
    at(moment) {
      head.hidden = moment === null;
      if (moment !== null) head.style.left = share(moment);
    },
  };
}

function track(row, buckets, most, whole) {
  const bars = Object.entries(row.buckets).map(([place, events]) => {
    const height = 5 + 13 * (Math.log1p(events) / Math.log1p(most));
    return `M${Number(place)} ${20 - (20 - height) / 2}v${-height}h1.15v${height}z`;
  });
  const start = (row.start / whole) * buckets;
  const width = Math.max(1, ((row.end - row.start) / whole) * buckets);
  return svg("svg", { viewBox: `0 0 ${buckets} 20`, preserveAspectRatio: "none" },
    svg("rect", { class: "span", x: start, y: 7, width, height: 6, rx: 1 }),
    svg("path", { class: "bars", d: bars.join("") }));
}

function ticks(whole) {
  const rough = whole / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough) ?? whole;
  const found = [];
  for (let moment = 0; moment <= whole * 0.97 && found.length < 20; moment += step) found.push(moment);
  return found;
}
