// The section of recordings: the list, and one recording beside it.

import { api, query } from "./api.js";
import { h, put, select } from "./dom.js";
import { List } from "./list.js";
import { recordingView } from "./recording.js";
import { bytes, count, link } from "./words.js";

export function recordings() {
  let found = { text: "", format: "" };
  let shown = "";
  let current = null;
  let timer = 0;
  const told = h("p", { class: "told", role: "status" });
  const refused = h("div", { class: "refused" });
  const search = h("input", { type: "search", placeholder: "Search", "aria-label": "Search recordings", on: { input: () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      found = { ...found, text: search.value.trim() };
      list.element.scrollTop = 0;
      list.reload();
    }, 120);
  } } });
  const formats = h("div", { class: "formats" });
  let known = "";

  const list = new List({
    label: "Recordings", rowHeight: 62, row, empty: "No recording is found.",
    open: (one) => (location.hash = link("recordings", one.name)),
    fetchPage: async (offset, limit) => {
      const page = await api(`/recordings${query({ ...found, offset, limit, checked: true })}`);
      if (offset === 0) {
        told.textContent = count(page.total, "recording");
        makeFormats(page.formats);
        makeRefused(page.refused);
      }
      return { items: page.recordings, total: page.total };
    },
  });

  function makeFormats(names) {
    if (names.join() === known) return;
    known = names.join();
    const chosen = select([["", "All formats"], ...names.map((name) => [name, name])], found.format, (format) => {
      found = { ...found, format };
      list.reload();
    });
    chosen.setAttribute("aria-label", "Format");
    put(formats, names.length > 1 && chosen);
  }

  function makeRefused(files) {
    put(refused, files.length > 0 && h("details", {}, h("summary", {}, `${count(files.length, "file")} refused`),
      h("ul", {}, files.slice(0, 200).map((file) => h("li", {}, file.error, file.kept && " (its last good version is served)")))));
  }

  function row(one) {
    const events = one.turns.reduce((sum, turn) => sum + turn.events, 0);
    const status = one.turns[0]?.status ?? 200;
    const facts = [one.turns.length > 1 && count(one.turns.length, "turn"), count(events, "event"), one.format ?? (one.uploaded ? "uploaded" : ""), one.size !== null && bytes(one.size)];
    return [
      h("span", { class: "row-head" }, h("span", { class: "name" }, one.name), status >= 400 && h("span", { class: "tag bad" }, status), events > 0 && check(one.findings_by_level)),
      h("span", { class: "row-facts" }, facts.filter(Boolean).join(" · "), one.turns[0]?.note && ` — ${one.turns[0].note}`),
    ];
  }

  const detail = h("div", { class: "detail" });
  const element = h("div", { class: "split" },
    h("section", { class: "side", "aria-label": "All recordings" }, h("div", { class: "tools" }, search, formats), told, refused, list.box), detail);
  put(detail, welcome());
  const loaded = list.reload();

  return {
    element,
    close: () => current?.close(),
    async show(name) {
      if (name === shown) return;
      shown = name;
      current?.close();
      current = null;
      if (!name) {
        put(detail, welcome());
        return;
      }
      current = recordingView(name);
      put(detail, current.element);
      detail.scrollTop = 0;
      await loaded;
      const base = name.replace(/#\d+$/, "");
      const place = list.pages.get(0)?.findIndex((one) => one.name === base) ?? -1;
      if (list.item(list.active)?.name !== base && place >= 0) list.choose(place, { open: false });
    },
  };
}

export function check(levels) {
  if (!levels) return null;
  const errors = levels.error ?? 0;
  const others = Object.values(levels).reduce((sum, one) => sum + one, 0) - errors;
  if (errors) return h("span", { class: "tag bad" }, count(errors, "error"));
  if (others) return h("span", { class: "tag warn" }, count(others, "note"));
  return h("span", { class: "tag good" }, "legal");
}

function welcome() {
  return h("div", { class: "welcome" }, h("img", { src: "page/icon.svg", alt: "", width: "56", height: "56" }),
    h("h2", {}, "Choose a recording"),
    h("p", {}, "See what happens in it and when, play it here, and copy the base URL at which it answers."),
    h("p", { class: "muted" }, "Keys: ", h("kbd", {}, "/"), " search, ", h("kbd", {}, "↑"), " ", h("kbd", {}, "↓"), " move, ", h("kbd", {}, "1"), "–", h("kbd", {}, "5"), " sections."));
}
