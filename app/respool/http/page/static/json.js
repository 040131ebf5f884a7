// JSON as people read it. A text becomes text nodes and spans with text, never markup.

import { button, copyButton, h, put } from "./dom.js";
import { bytes } from "./words.js";

const COLOURED = 200_000; // characters
const CHUNK = 20_000; // of a very long text: the browser lays out only those that are seen
const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null)\b|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/g;

/** Return a block with this JSON text, indented if it is JSON. `whole`: an async function that gets all of a text that is cut; `size`, its length. */
export function jsonBlock(text, { whole = null, size = text.length, indent = true } = {}) {
  const block = h("div", { class: "json" });
  show(text, whole !== null);
  return block;

  function show(text, cut) {
    const shown = cut || !indent || text.length > 2_000_000 ? text : indented(text);
    put(block,
      h("div", { class: "json-bar" }, h("span", { class: "muted" }, cut ? `the first ${bytes(text.length)} of ${bytes(size)}` : bytes(size)),
        cut && button("Show all", async (event) => {
          event.currentTarget.disabled = true;
          show(await whole(), false);
        }, { class: "small" }),
        copyButton(async () => (cut ? await whole() : text), "the JSON")),
      h("pre", { tabindex: "0", "aria-label": "JSON" }, shown.length <= COLOURED ? h("code", {}, coloured(shown)) : chunks(shown), cut && h("span", { class: "muted" }, " …")));
  }
}

export function indented(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

export function coloured(text) {
  const parts = [];
  let last = 0;
  for (const match of text.matchAll(TOKEN)) {
    if (match.index > last) parts.push(text.slice(last, match.index));
    const kind = match[1] ? (match[2] ? "key" : "text") : match[3] ? "word" : "number";
    parts.push(h("span", { class: `j-${kind}` }, match[1] ?? match[0]));
    if (match[2]) parts.push(match[2]);
    last = match.index + match[0].length;
  }
  parts.push(text.slice(last));
  return parts;
}

function chunks(text) {
  const parts = [];
  for (let at = 0; at < text.length; at += CHUNK) parts.push(h("div", { class: "chunk" }, text.slice(at, at + CHUNK)));
  return parts;
}
