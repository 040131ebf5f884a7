// Sessions: what each test has of its own, and putting it back to its beginning.

import { api, has, query } from "./api.js";
import { button, field, h, put, select, toast } from "./dom.js";
import { count, sessionName } from "./words.js";

export function sessions({ feed }) {
  const cards = h("div", { class: "cards" });
  const told = h("p", { class: "told", role: "status" });
  let timer = 0;

  async function load() {
    const { sessions: all } = await api("/sessions");
    told.textContent = count(all.length, "session");
    const focus = cards.contains(document.activeElement) && document.activeElement.matches("input, select");
    if (!focus) put(cards, all.slice(0, 500).map(card), all.length > 500 && h("p", { class: "muted" }, `${all.length - 500} more`));
  }

  async function act(work, done) {
    try {
      const answer = await work();
      toast(done);
      document.activeElement?.blur?.();
      await load();
      return answer;
    } catch (error) {
      toast(error.message, true);
      return null;
    }
  }

  function card(one) {
    const faults = h("input", { type: "text", value: one.faults?.join("; ") ?? "", placeholder: one.faults ? "none" : "the server's", spellcheck: "false" });
    const plays = Object.entries(one.plays);
    const scenarios = Object.entries(one.scenarios);
    const name = sessionName(one.name);
    return h("article", { class: "card", "aria-label": `Session ${name}` },
      h("h2", {}, name),
      h("p", { class: "muted" }, [count(one.requests, "request"), count(one.responses, "response"), count(plays.reduce((sum, [, number]) => sum + number, 0), "play")].join(" · ")),
      plays.length > 0 && h("ul", { class: "plays" }, plays.slice(0, 8).map(([turn, number]) => h("li", {}, turn, h("span", { class: "muted" }, ` × ${number}`))), plays.length > 8 && h("li", { class: "muted" }, `and ${plays.length - 8} more`)),
      scenarios.length > 0 && h("p", {}, "Scenarios: ", scenarios.map(([scenario, state]) => `${scenario} is ${state}`).join("; ")),
      has("/clock", "put") && clockBar(one),
      h("form", { class: "bar", on: { submit: (event) => {
        event.preventDefault();
        const text = faults.value.trim();
        act(() => api("/faults", { method: "PUT", body: { session: one.name, faults: text ? [text] : null } }), text ? "The faults are set" : "The server's faults hold again");
      } } }, field("Faults of every answer", faults), h("button", { type: "submit", class: "small" }, "Set")),
      h("div", { class: "bar" },
        button("Reset", () => act(() => api("/reset", { method: "POST", body: { session: one.name } }), `${name} is as at its beginning`)),
        one.name !== "" && button("Delete", () => act(() => api(`/sessions?session=${encodeURIComponent(one.name)}`, { method: "DELETE" }), `${name} is forgotten`), { class: "danger" })));
  }

  function clockBar(one) {
    const mode = select([["real", "real"], ["frozen", "frozen"], ["auto", "auto"]], one.clock?.mode ?? "real", (value) =>
      act(() => api("/clock", { method: "PUT", body: { session: one.name, mode: value } }), `The clock of ${sessionName(one.name)} is ${value}`));
    const amount = h("input", { type: "number", min: "0", step: "any", value: "1" });
    if (has("/clock")) api(`/clock${query({ session: one.name }) || "?session="}`).then((clock) => (mode.value = clock.mode ?? mode.value), () => {});
    return h("div", { class: "bar" }, field("Clock", mode), has("/clock/advance", "post") && [field("Seconds", amount),
      button("Advance", () => act(() => api("/clock/advance", { method: "POST", body: { session: one.name, seconds: Number(amount.value) } }), "The clock went on"), { class: "small" })]);
  }

  const onRequest = () => {
    clearTimeout(timer);
    timer = setTimeout(load, 300);
  };
  feed.addEventListener("request", onRequest);
  feed.addEventListener("open", onRequest); // what came before is not told
  load();
  return {
    element: h("div", { class: "page" }, told, cards),
    close: () => {
      clearTimeout(timer);
      feed.removeEventListener("request", onRequest);
      feed.removeEventListener("open", onRequest);
    },
    show() {},
  };
}
