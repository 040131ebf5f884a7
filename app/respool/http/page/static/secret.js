// A dialog that asks for a token or a key.

import { field, h } from "./dom.js";

/** Ask for a secret; `why` says what for, `wrong` whether one was refused. It cannot be closed without one. */
export function askSecret({ title, label, why, wrong }) {
  return new Promise((resolve) => {
    const input = h("input", { type: "password", autocomplete: "off", required: true, spellcheck: "false" });
    const dialog = h("dialog", { "aria-labelledby": "secret-title" },
      h("form", { method: "dialog", on: { submit: (event) => {
        event.preventDefault();
        dialog.close();
        dialog.remove();
        resolve(input.value.trim());
      } } },
      h("h2", { id: "secret-title" }, title),
      h("p", {}, wrong ? `That ${label.toLowerCase()} is wrong. Try again.` : why),
      field(label, input), h("div", { class: "bar" }, h("button", { type: "submit", class: "primary" }, "Go on"))));
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    document.body.append(dialog);
    dialog.showModal();
    input.focus();
  });
}
