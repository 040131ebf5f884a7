// A request beside the nearest recording's, and what would make them the same.

import { api, has, query } from "./api.js";
import { button, copyButton, field, h, put, toast } from "./dom.js";
import { count, link } from "./words.js";

const MOST_CELLS = 4_000_000; // of the table in which lines are aligned

export function compareView(request) {
  const element = h("div", { class: "compare" }, h("p", { class: "muted" }, "Looking for the nearest recording…"));
  const other = h("input", { type: "text", placeholder: "the nearest", spellcheck: "false", on: { change: () => load(other.value.trim()) } });
  load("");
  return element;

  async function load(recording) {
    let found;
    try {
      found = await api(`/requests/${request.id}/compare${query({ recording })}`);
    } catch (error) {
      put(element, field("Compare with", other), h("p", { class: "muted" }, error.message));
      return;
    }
    const name = found.turn > 1 ? `${found.recording}#${found.turn}` : found.recording;
    const chosen = new Set();
    const general = h("input", { type: "checkbox" });
    const yaml = h("code", {});
    const mask = /masks: (\{.*\})$/.exec(found.hint)?.[1];
    const masked = h("input", { type: "checkbox" });
    const maskName = h("input", { type: "text", value: "name", size: "10", spellcheck: "false", on: { input: () => write() } });
    const pattern = /^\{name: '(.*)'\}$/.exec(mask ?? "")?.[1].replaceAll("''", "'");
    const save = has("/match-rules", "post") && button("Write to match.yaml", () => add(), { class: "small primary", disabled: true });
    const where = h("p", { class: "muted", role: "status" });
    const parts = () => pointersOf(chosen, general.checked);
    const masks = () => (masked.checked && pattern ? { [maskName.value.trim() || "name"]: pattern } : {});
    const write = () => {
      yaml.textContent = rules(parts(), masks());
      if (save) save.disabled = !ready || (!parts().length && !Object.keys(masks()).length);
    };
    let ready = false;
    general.addEventListener("change", write);
    masked.addEventListener("change", write);
    write();
    if (save) api("/match-rules").then((known) => {
      ready = known.problem === "";
      where.textContent = ready ? `Writes to ${known.file}` : known.problem;
      write();
    }, (error) => (where.textContent = error.message));

    async function add() {
      save.disabled = true;
      try {
        const now = await api("/match-rules", { method: "POST", body: { exclude: parts(), masks: masks() } });
        toast(`Written to ${now.file}`);
        await load(recording);
      } catch (error) {
        toast(error.message, true);
        write();
      }
    }
    put(element,
      h("div", { class: "bar" }, field("Compare with", other),
        h("p", {}, "This request and ", h("a", { href: link("recordings", name) }, name), found.differences.length ? `: distance ${found.distance.toFixed(3)}` : ": equal, but for what is masked")),
      found.differences.length > 0 && h("div", { class: "rules" },
        h("table", { class: "pairs" }, h("caption", {}, found.whole ? count(found.differences.length, "difference") : `the first ${count(found.differences.length, "difference")}`),
          h("thead", {}, h("tr", {}, ["Leave out", "Where", "Recorded", "Received"].map((text) => h("th", { scope: "col" }, text)))),
          h("tbody", {}, found.differences.map((one) => h("tr", {},
            h("td", {}, h("input", { type: "checkbox", "aria-label": `Leave out ${one.pointer}`, on: { change: (event) => {
              if (event.target.checked) chosen.add(one.pointer);
              else chosen.delete(one.pointer);
              write();
            } } })),
            h("th", { scope: "row" }, h("code", {}, one.pointer)), h("td", { class: "old" }, one.recorded ?? "absent"), h("td", { class: "new" }, one.received ?? "absent"))))),
        h("div", { class: "yaml" }, h("h3", {}, "match.yaml"), h("label", {}, general, " any place in lists (*)"),
          pattern && [h("label", {}, masked, ` mask ${pattern}`), field("Name of the mask", maskName)],
          h("pre", { tabindex: "0", "aria-label": "match.yaml" }, yaml),
          h("div", { class: "buttons" }, save, copyButton(() => yaml.textContent, "the rules for match.yaml")), where)),
      h("div", { class: "sides" }, sides(found.recorded, found.received)));
  }
}

/** JSON pointers; in general ones, any place in a list is meant. */
export function pointersOf(chosen, general) {
  return [...new Set([...chosen].map((one) => (general ? one.replace(/\/\d+(?=\/|$)/g, "/*") : one)))];
}

/** The text for match.yaml, beside the recordings. */
export function rules(parts, masks) {
  const named = Object.entries(masks);
  if (!parts.length && !named.length) return "# choose what is left out of the comparison\n";
  return (named.length ? `masks:\n${named.map(([name, one]) => `  ${JSON.stringify(name)}: ${JSON.stringify(one)}\n`).join("")}` : "")
    + (parts.length ? `exclude:\n${parts.map((one) => `  - ${JSON.stringify(one)}\n`).join("")}` : "");
}

function sides(recorded, received) {
  const rows = align(recorded.split("\n"), received.split("\n"));
  return h("table", { class: "diff" }, h("caption", { class: "away" }, "Both requests, line by line"),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Recorded"), h("th", { scope: "col" }, "Received"))),
    h("tbody", {}, rows.map(([one, other]) => h("tr", {},
      h("td", { class: other === null || one !== other ? "old" : "" }, one ?? ""), h("td", { class: one === null || one !== other ? "new" : "" }, other ?? "")))));
}

/** Return pairs of lines: equal ones beside each other, null where one side has none. Equal stretches are cut short. */
export function align(one, other) {
  let start = 0;
  while (start < one.length && start < other.length && one[start] === other[start]) start++;
  let end = 0;
  while (end < one.length - start && end < other.length - start && one.at(-1 - end) === other.at(-1 - end)) end++;
  const left = one.slice(start, one.length - end);
  const right = other.slice(start, other.length - end);
  const rows = [...one.slice(0, start).map((line) => [line, line]), ...middle(left, right), ...one.slice(one.length - end).map((line) => [line, line])];
  return shortened(rows);
}

function middle(left, right) {
  const plain = () => Array.from({ length: Math.max(left.length, right.length) }, (_, at) => [left[at] ?? null, right[at] ?? null]);
  const width = right.length + 1;
  if (left.length * right.length > MOST_CELLS) return plain();
  const common = new Uint16Array((left.length + 1) * width);
  for (let at = left.length - 1; at >= 0; at--) {
    for (let place = right.length - 1; place >= 0; place--) {
      common[at * width + place] = left[at] === right[place] ? common[(at + 1) * width + place + 1] + 1 : Math.max(common[(at + 1) * width + place], common[at * width + place + 1]);
    }
  }
  const rows = [];
  let gone = [];
  let come = [];
  const flush = () => {
    for (let at = 0; at < Math.max(gone.length, come.length); at++) rows.push([gone[at] ?? null, come[at] ?? null]);
    gone = [];
    come = [];
  };
  let at = 0;
  let place = 0;
  while (at < left.length || place < right.length) {
    if (at < left.length && place < right.length && left[at] === right[place]) {
      flush();
      rows.push([left[at++], right[place++]]);
    } else if (place >= right.length || (at < left.length && common[(at + 1) * width + place] >= common[at * width + place + 1])) gone.push(left[at++]);
    else come.push(right[place++]);
  }
  flush();
  return rows;
}

function shortened(rows) {
  const near = new Uint8Array(rows.length);
  rows.forEach(([one, other], at) => {
    if (one !== other) near.fill(1, Math.max(0, at - 3), at + 4);
  });
  const found = [];
  let skipped = 0;
  rows.forEach((row, at) => {
    if (near[at] || rows.length < 40) {
      if (skipped) found.push([`⋯ ${skipped} equal lines`, `⋯ ${skipped} equal lines`]);
      skipped = 0;
      if (found.length < 2000) found.push(row);
    } else skipped++;
  });
  if (skipped) found.push([`⋯ ${skipped} equal lines`, `⋯ ${skipped} equal lines`]);
  return found;
}
