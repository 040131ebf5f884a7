// What a client would show of a stream: texts, reasoning, calls and errors, as they come.

import { h, put } from "./dom.js";
import { coloured, indented } from "./json.js";

const MOST_TEXT = 200_000; // characters of one block

export function transcript() {
  const element = h("div", { class: "transcript", "aria-label": "What a client shows", role: "region", tabindex: "0" });
  let blocks = new Map();
  let terminal = false;
  clear();

  function clear() {
    blocks = new Map();
    terminal = false;
    put(element, h("p", { class: "muted" }, "Press Play: the answer appears here as a client gets it."));
  }

  function block(key, kind, title) {
    let known = blocks.get(key);
    if (!known) {
      if (!blocks.size) put(element);
      const text = h("div", { class: "block-text" });
      known = { text, length: 0, element: h("div", { class: "block", "data-kind": kind }, h("span", { class: "block-title" }, title), text) };
      blocks.set(key, known);
      element.append(known.element);
    }
    return known;
  }

  function add(key, kind, title, text) {
    const one = block(key, kind, title);
    one.length += text.length;
    if (one.length <= MOST_TEXT) one.text.append(text);
    const near = element.scrollHeight - element.scrollTop - element.clientHeight < 120;
    if (near) element.scrollTop = element.scrollHeight;
  }

  function take(type, data) {
    let event;
    try {
      event = JSON.parse(data);
    } catch {
      add(`odd-${blocks.size}`, "bad", "data that is no JSON", data.slice(0, 2000));
      return;
    }
    const key = `${event.output_index}-${event.content_index ?? event.summary_index ?? ""}`;
    const name = String(event.type ?? type);
    if (name === "response.output_item.added" && event.item) begin(event);
    else if (name.endsWith(".delta") && typeof event.delta === "string" && !/audio/.test(name)) {
      if (/reasoning/.test(name)) add(`${key}-r`, "reasoning", "reasoning", event.delta);
      else if (/refusal/.test(name)) add(`${key}-f`, "bad", "refusal", event.delta);
      else if (/output_text/.test(name)) add(`${key}-t`, "message", "text", event.delta);
      else add(`call-${event.output_index}`, "call", "call", event.delta);
    } else if (name === "error" || name === "response.failed") {
      terminal = true;
      const error = event.response?.error ?? event.error ?? event;
      add("error", "bad", name, `${error?.code ?? ""} ${error?.message ?? ""}`.trim() || data.slice(0, 500));
    } else if (/^response\.(completed|incomplete|cancelled)$/.test(name)) {
      terminal = true;
      if (name !== "response.completed") add("end", "warn", name, event.response?.incomplete_details?.reason ?? "");
    }
    if (name === "response.created") element.dataset.state = "typing";
    if (terminal) stop();
  }

  function begin(event) {
    const { item } = event;
    const type = String(item.type ?? "item");
    if (type === "message" || type === "reasoning") return;
    const title = [type, item.server_label, item.name].filter((one) => typeof one === "string").join(" ");
    block(`call-${event.output_index}`, /image/.test(type) ? "image" : /call/.test(type) && /function|custom/.test(type) ? "call" : "tool", title);
  }

  function stop() {
    delete element.dataset.state;
  }

  return {
    element, clear, take, stop,
    ended: () => terminal,
    answer(status, text) {
      put(element, h("div", { class: "block", "data-kind": status >= 400 ? "bad" : "message" }, h("span", { class: "block-title" }, `status ${status}`), h("pre", {}, coloured(indented(text.slice(0, 20_000))))));
    },
  };
}
