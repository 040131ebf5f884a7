// Elements from values. Texts become text nodes and nothing else: no function here takes markup.

const SVG = "http://www.w3.org/2000/svg";

/** Return an element. `props`: `class`, `on` (listeners by name), `style` (custom properties and others), and attributes. */
export function h(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** Return an SVG element. */
export function svg(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name === "style") for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
    else if (name === "value" || name === "checked") element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false).map(asNode));
  return element;
}

function asNode(child) {
  return child instanceof Node ? child : document.createTextNode(String(child));
}

/** Have `element` hold these children alone. */
export function put(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false).map(asNode));
  return element;
}

export function button(text, onClick, props = {}) {
  return h("button", { type: "button", ...props, on: { click: onClick } }, text);
}

let labels = 0;

/** Return a field with its label. */
export function field(label, input, note) {
  input.id ||= `field-${++labels}`;
  const told = note && h("span", { class: "note", id: `${input.id}-note` }, note);
  if (told) input.setAttribute("aria-describedby", told.id);
  return h("div", { class: "field" }, h("label", { for: input.id }, label), input, told);
}

export function select(options, value, onChange) {
  const element = h("select", {}, options.map(([key, text]) => h("option", { value: key }, text)));
  element.value = value;
  if (onChange) element.addEventListener("change", () => onChange(element.value));
  return element;
}

let toastTimer = 0;

/** Say something for a moment. */
export function toast(text, problem = false) {
  const element = document.getElementById("toast");
  element.textContent = text;
  element.classList.toggle("problem", problem);
  element.classList.add("shown");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => element.classList.remove("shown"), problem ? 8000 : 2500);
}

export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // no secure context: the old way
    const area = h("textarea", { class: "away", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  toast(`Copied ${what}`);
}

export function copyButton(text, what, label = "Copy") {
  return button(label, async () => copy(typeof text === "function" ? await text() : text, what), { class: "small", "aria-label": `Copy ${what}` });
}

/** Return a bar of tabs and their panel. `tabs`: [name, text, () => node]. */
export function tabs(label, list, first = list[0][0]) {
  const panel = h("div", { role: "tabpanel", tabindex: "0", class: "tabpanel", id: `panel-${++labels}` });
  const heads = list.map(([name, text]) =>
    h("button", { type: "button", role: "tab", id: `${panel.id}-${name}`, "aria-controls": panel.id, on: { click: () => show(name), keydown: onKey } }, text));
  function show(name, focus = false) {
    list.forEach(([one, , make], place) => {
      const chosen = one === name;
      heads[place].setAttribute("aria-selected", String(chosen));
      heads[place].tabIndex = chosen ? 0 : -1;
      if (chosen) {
        panel.setAttribute("aria-labelledby", heads[place].id);
        put(panel, make());
        if (focus) heads[place].focus();
      }
    });
  }
  function onKey(event) {
    const at = heads.indexOf(event.currentTarget);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: heads.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    show(list[(to + heads.length) % heads.length][0], true);
  }
  show(first);
  return h("div", { class: "tabs" }, h("div", { role: "tablist", "aria-label": label }, heads), panel);
}
