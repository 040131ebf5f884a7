// The page: its sections, the feed of the server, the theme and the token.

import { api, follow, has, learn, onKeyNeeded, onTokenNeeded } from "./api.js";
import { h, put, toast } from "./dom.js";
import { journal } from "./journal.js";
import { live } from "./live.js";
import { recordings } from "./recordings.js";
import { results } from "./results.js";
import { askSecret } from "./secret.js";
import { sessions } from "./sessions.js";

const SECTIONS = { recordings: ["Recordings", recordings], live: ["Live", live], journal: ["Journal", journal], sessions: ["Sessions", sessions], results: ["Results", results] };
const view = document.getElementById("view");

// What the server tells; sections listen for it.
const feed = new EventTarget();
let shown = null;

function here() {
  const [section = "", ...rest] = location.hash.replace(/^#\/?/, "").split("/");
  let argument = "";
  try {
    argument = rest.map(decodeURIComponent).join("/");
  } catch { /* an address that somebody typed */ }
  return { section: SECTIONS[section] ? section : "recordings", argument };
}

function show() {
  if (location.hash === "#view") return; // the link that skips
  const { section, argument } = here();
  const [title, make] = SECTIONS[section];
  for (const link of document.querySelectorAll("#sections a")) {
    if (link.dataset.section === section) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${argument ? `${argument} · ` : ""}${title} · Respool`;
  if (shown?.section !== section) {
    shown?.page.close?.();
    shown = { section, page: make({ feed, has }) };
    put(view, h("h1", { class: "away" }, title), shown.page.element);
  }
  view.dataset.pane = argument ? "detail" : "list";
  shown.page.show(argument);
}

function makeSections() {
  put(document.getElementById("sections"), Object.entries(SECTIONS).map(([name, [text]]) =>
    h("a", { href: `#/${name}`, "data-section": name }, text, name === "live" && h("span", { class: "badge", id: "live-count", hidden: true }))));
}

const THEMES = ["system", "light", "dark"];

function makeTheme() {
  const at = document.getElementById("theme");
  let theme = localStorage.getItem("respool-theme");
  const set = () => {
    if (!THEMES.includes(theme)) theme = "system";
    document.documentElement.dataset.theme = theme;
    at.textContent = { system: "Auto", light: "Light", dark: "Dark" }[theme];
    at.setAttribute("aria-label", `Theme: ${at.textContent}`);
  };
  at.addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    localStorage.setItem("respool-theme", theme);
    set();
  });
  set();
}

const askToken = (wrong) => askSecret({ title: "The admin token", label: "Token", wrong,
  why: "This server was started with --admin-token. The token is kept for this tab alone." });
const askKey = (wrong) => askSecret({ title: "An API key", label: "Key", wrong,
  why: "This server was started with --api-key, and answers only who has one. The key is kept for this tab alone." });

function onFeed(event, data) {
  const told = document.getElementById("feed");
  if (event === "open" || event === "closed") {
    told.textContent = event === "open" ? "connected" : "not connected";
    told.dataset.state = event;
    pending.clear();
    if (event === "open") countAll().catch(() => {}); // the badge alone would lack
  }
  if (event.startsWith("request.")) count(event, data);
  feed.dispatchEvent(new CustomEvent(event.startsWith("request.") ? "request" : event, { detail: data }));
}

const pending = new Set();

function count(event, request) {
  if (event === "request.started" && request.recording !== null && request.pending) pending.add(request.id);
  if (event === "request.ended") pending.delete(request.id);
  showCount();
}

/** Count those that were under way before the feed was open. */
async function countAll() {
  const gone = new Set(); // those that end meanwhile
  const note = ({ detail: one }) => one.pending || gone.add(one.id);
  feed.addEventListener("request", note);
  try {
    const { requests } = await api("/requests?pending=true&limit=1000");
    for (const one of requests) if (one.recording !== null && !gone.has(one.id)) pending.add(one.id);
  } finally {
    feed.removeEventListener("request", note);
  }
  showCount();
}

function showCount() {
  const badge = document.getElementById("live-count");
  if (!badge) return;
  badge.hidden = pending.size === 0;
  badge.textContent = `${pending.size}`;
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, dialog")) return;
  const number = Number(event.key);
  if (number >= 1 && number <= Object.keys(SECTIONS).length) location.hash = `#/${Object.keys(SECTIONS)[number - 1]}`;
  else if (event.key === "/") {
    const search = view.querySelector("input[type=search]");
    if (search) {
      event.preventDefault();
      search.focus();
    }
  } else if (event.key === "Escape" && view.dataset.pane === "detail" && matchMedia("(max-width: 860px)").matches) {
    location.hash = `#/${here().section}`;
  }
}

window.addEventListener("unhandledrejection", (event) => {
  if (event.reason?.name === "AbortError") return;
  toast(event.reason?.message ?? "Something went wrong.", true);
});
window.addEventListener("hashchange", show);
document.addEventListener("keydown", onKey);
onTokenNeeded(askToken);
onKeyNeeded(askKey);
makeTheme();
makeSections();
await learn();
show();
follow(onFeed);
