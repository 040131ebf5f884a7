// Results: what a check finds in all recordings, and the report of a drill, from a file that the reader opens.

import { api, query } from "./api.js";
import { field, h, put } from "./dom.js";
import { check } from "./recordings.js";
import { count, link, seconds } from "./words.js";

const PAGE = 200; // recordings that are checked at a time
const MOST_ROWS = 500;
const KINDS = { ok: "good", noticed: "good", survived: "good", lucky: "warn" };

let opened = null; // the report, as long as the page is open

export function results() {
  const told = h("p", { class: "told", role: "status" }, "Checking…");
  const found = h("tbody", {});
  const table = h("table", { class: "pairs", hidden: true }, h("caption", { class: "away" }, "Recordings in which a check finds something"),
    h("thead", {}, h("tr", {}, ["Recording", "Check", "Errors", "Others"].map((text) => h("th", { scope: "col" }, text)))), found);
  const drill = h("div", { class: "drill" });
  const file = h("input", { type: "file", accept: ".json,application/json", on: { change: () => open(file.files[0]) } });
  const aborted = new AbortController();
  load().catch((error) => {
    if (error.name !== "AbortError") told.textContent = error.message;
  });
  showDrill();

  async function load() {
    let checked = 0;
    let total = Infinity;
    let rows = 0;
    let wrong = 0;
    while (checked < total) {
      const page = await api(`/recordings${query({ offset: checked, limit: PAGE, checked: true })}`, { signal: aborted.signal });
      if (!page.recordings.length) break;
      total = page.total;
      checked += page.recordings.length;
      for (const one of page.recordings) {
        const levels = Object.entries(one.findings_by_level ?? {});
        const sum = levels.reduce((all, [, number]) => all + number, 0);
        if (!sum) continue;
        wrong += 1;
        const errors = one.findings_by_level.error ?? 0;
        if (rows++ < MOST_ROWS) {
          found.append(h("tr", {}, h("th", { scope: "row" }, h("a", { href: link("recordings", one.name) }, one.name)),
            h("td", {}, check(one.findings_by_level)), h("td", {}, errors), h("td", {}, sum - errors)));
        }
      }
      table.hidden = rows === 0;
      told.textContent = `${count(checked, "recording")} of ${total.toLocaleString("en")} checked, ${wrong ? `${count(wrong, "one", "of them")} with findings` : "nothing is found"}`;
    }
    if (!checked) told.textContent = "There are no recordings.";
    if (rows > MOST_ROWS) found.append(h("tr", {}, h("td", { colspan: "4" }, `${(rows - MOST_ROWS).toLocaleString("en")} more`)));
  }

  async function open(chosen) {
    if (!chosen) return;
    try {
      opened = reportOf(JSON.parse(await chosen.text()));
      showDrill();
    } catch (error) {
      put(drill, h("p", { class: "problem", role: "alert" }, `${chosen.name}: ${error instanceof SyntaxError ? "no JSON" : error.message}`));
    }
  }

  function showDrill() {
    put(drill, opened ? drillView(opened) : h("p", { class: "muted" }, "None is open. ", h("code", {}, "respool drill --json drill.json …"), " writes one."));
  }

  return {
    element: h("div", { class: "page results" },
      h("section", { "aria-labelledby": "checks-title" }, h("h2", { id: "checks-title" }, "Checks"), told, table),
      h("section", { "aria-labelledby": "drill-title" }, h("h2", { id: "drill-title" }, "Drill"), field("Report of respool drill --json", file, "It is read by this page alone, and sent nowhere."), drill)),
    close: () => aborted.abort(),
    show() {},
  };
}

/** A report, if this is one. */
function reportOf(data) {
  if (!data || typeof data !== "object" || !Array.isArray(data.cases) || typeof data.recording !== "string") throw new Error("this is no report of respool drill --json");
  return data;
}

function drillView(report) {
  const cases = report.cases.slice(0, 5000);
  const rows = h("tbody", {});
  const bad = h("input", { type: "checkbox", on: { change: fill } });
  bad.checked = cases.some((one) => one.bad);
  function fill() {
    const shown = cases.filter((one) => one.bad || !bad.checked);
    put(rows, shown.map((one) => h("tr", {},
      h("th", { scope: "row" }, text(one.name), h("br"), h("code", {}, text(one.fault))), h("td", {}, text(one.expected)),
      h("td", {}, h("span", { class: `tag ${one.bad ? "bad" : KINDS[one.verdict] ?? "good"}` }, text(one.verdict))),
      h("td", {}, text(one.reason), outputs(one)), h("td", {}, seconds(Number(one.seconds))))),
    !shown.length && h("tr", {}, h("td", { colspan: "5" }, "No case is bad.")));
  }
  fill();
  const totals = Object.entries(report.totals ?? {});
  return [
    h("p", {}, h("span", { class: `tag ${report.passed ? "good" : "bad"}` }, report.passed ? "passed" : "failed"), " ",
      h("code", {}, (Array.isArray(report.command) ? report.command : []).join(" ")), " against ", h("a", { href: link("recordings", report.recording) }, report.recording)),
    h("p", {}, totals.map(([verdict, number]) => `${number} ${verdict}`).join(" · ")),
    report.comparable === false && h("p", { class: "problem" }, "What the client prints without a fault differs from run to run, or is empty: only its exit code is judged."),
    h("label", {}, bad, " only what is bad"),
    h("table", { class: "pairs" }, h("caption", { class: "away" }, "Cases of the drill"),
      h("thead", {}, h("tr", {}, ["Case", "Expected", "Verdict", "Why", "Took"].map((one) => h("th", { scope: "col" }, one)))), rows),
  ];
}

function outputs(one) {
  const written = [["stdout", one.stdout], ["stderr", one.stderr]].filter(([, value]) => value);
  return written.length > 0 && h("details", {}, h("summary", {}, "What it wrote"), written.map(([name, value]) => [h("h3", {}, name), h("pre", { tabindex: "0" }, text(value).slice(0, 20000))]));
}

function text(value) {
  return value === null || value === undefined ? "" : String(value);
}
