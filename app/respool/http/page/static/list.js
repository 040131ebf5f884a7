// A list of any length: only what is seen is in the document, and only its pages are asked for.

import { h } from "./dom.js";

const PAGE = 100;
let lists = 0;

export class List {
  /**
   * `row(item, place)` returns the content of a row; `open(item, place)` is called when one is chosen;
   * `fetchPage(offset, limit)` returns a promise of {items, total}. Instead, `show(items)` has a list whose items are all known.
   */
  constructor({ label, rowHeight, row, open, fetchPage, empty = "Nothing here.", kind = "" }) {
    Object.assign(this, { rowHeight, row, open, fetchPage, emptyText: empty });
    this.id = `list-${++lists}`;
    this.total = 0;
    this.pages = new Map();
    this.items = null;
    this.active = -1;
    this.version = 0;
    this.loaded = false;
    this.sizer = h("div", { class: "sizer", role: "presentation" });
    this.note = h("p", { class: "empty", hidden: true });
    this.element = h("div", {
      class: `list ${kind}`, role: "listbox", tabindex: "0", "aria-label": label,
      style: { "--row": `${rowHeight}px` },
      on: { scroll: () => this.later(), keydown: (event) => this.onKey(event), click: (event) => this.onClick(event) },
    }, this.sizer);
    this.box = h("div", { class: "listbox" }, this.element, this.note);
    this.observer = new ResizeObserver(() => this.later());
    this.observer.observe(this.element);
  }

  /** Ask for everything anew. Resolve when the first page is there. */
  async reload() {
    const version = ++this.version;
    const first = await this.fetchPage(0, PAGE);
    if (version !== this.version) return;
    this.pages = new Map([[0, first.items]]);
    this.total = first.total;
    this.loaded = true;
    this.active = Math.min(this.active, this.total - 1);
    this.paint();
  }

  /** Show these items. */
  show(items) {
    this.items = items;
    this.total = items.length;
    this.loaded = true;
    this.active = Math.min(this.active, this.total - 1);
    this.paint();
  }

  item(place) {
    if (this.items) return this.items[place];
    return this.pages.get(Math.floor(place / PAGE))?.[place % PAGE];
  }

  later() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.paint();
    });
  }

  paint() {
    const { element, rowHeight, total } = this;
    // Not before the answer: hiding an element takes the focus from it, and nothing is known to be empty yet.
    this.note.hidden = total > 0 || !this.loaded;
    element.hidden = total === 0 && this.loaded;
    this.note.textContent = this.emptyText;
    this.sizer.style.height = `${total * rowHeight}px`;
    const first = Math.max(0, Math.floor(element.scrollTop / rowHeight) - 4);
    const last = Math.min(total, Math.ceil((element.scrollTop + (element.clientHeight || 600)) / rowHeight) + 4);
    const rows = [];
    for (let place = first; place < last; place++) {
      const item = this.item(place);
      if (item === undefined) this.need(Math.floor(place / PAGE));
      rows.push(h("div", {
        role: "option", class: "row", id: `${this.id}-${place}`, "data-place": place,
        "aria-selected": String(place === this.active), "aria-setsize": total, "aria-posinset": place + 1,
        style: { top: `${place * rowHeight}px` },
      }, item === undefined ? h("span", { class: "muted" }, "…") : this.row(item, place)));
    }
    this.sizer.replaceChildren(...rows);
    if (this.active >= first && this.active < last) element.setAttribute("aria-activedescendant", `${this.id}-${this.active}`);
    else element.removeAttribute("aria-activedescendant");
  }

  async need(page) {
    if (this.pages.has(page)) return;
    this.pages.set(page, []);
    const version = this.version;
    try {
      const found = await this.fetchPage(page * PAGE, PAGE);
      if (version !== this.version) return;
      this.pages.set(page, found.items);
      this.later();
    } catch {
      this.pages.delete(page);
    }
  }

  /** Choose a row; -1 is none. */
  choose(place, { open = true, scroll = true } = {}) {
    this.active = place;
    if (scroll && place >= 0) {
      const top = place * this.rowHeight;
      const { scrollTop, clientHeight } = this.element;
      if (top < scrollTop) this.element.scrollTop = top;
      else if (top + this.rowHeight > scrollTop + clientHeight) this.element.scrollTop = top + this.rowHeight - clientHeight;
    }
    this.paint();
    const item = this.item(place);
    if (open && item !== undefined) this.open?.(item, place);
  }

  onClick(event) {
    const row = event.target.closest("[data-place]");
    if (row) this.choose(Number(row.dataset.place), { scroll: false });
  }

  onKey(event) {
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.rowHeight) - 1);
    const to = {
      ArrowDown: this.active + 1, ArrowUp: this.active - 1, PageDown: this.active + page, PageUp: this.active - page,
      Home: 0, End: this.total - 1, Enter: this.active, " ": this.active,
    }[event.key];
    if (to === undefined || this.total === 0 || event.target !== this.element) return;
    event.preventDefault();
    this.choose(Math.min(this.total - 1, Math.max(0, to)));
  }
}
