// Numbers and names, for people.

export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 0.0005) return "0 s";
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  if (value < 100) return `${value.toFixed(2)} s`;
  return value < 6000 ? `${Math.round(value)} s` : `${(value / 3600).toFixed(1)} h`;
}

export function bytes(value) {
  if (value === null || value === undefined) return "–";
  for (const [size, unit] of [[2 ** 20, "MB"], [2 ** 10, "kB"]]) if (value >= size) return `${(value / size).toFixed(1)} ${unit}`;
  return `${value} B`;
}

export function count(value, one, many = `${one}s`) {
  return `${value.toLocaleString("en")} ${value === 1 ? one : many}`;
}

export function clock(epoch) {
  return new Date(epoch * 1000).toLocaleTimeString("en-GB", { hour12: false });
}

export function sessionName(name) {
  return name === "" ? "everyone" : name;
}

/** What kind of thing an item, a part or an event is: for its colour. */
export function kindOf(label) {
  if (/error|failed/.test(label)) return "bad";
  if (/reasoning|summary/.test(label)) return "reasoning";
  if (/image/.test(label)) return "image";
  if (/function_call|custom_tool|arguments|shell|apply_patch|computer/.test(label)) return "call";
  if (/search|interpreter|mcp|code|tool/.test(label)) return "tool";
  if (/refusal/.test(label)) return "bad";
  if (/message|output_text|content_part|annotation/.test(label)) return "message";
  if (/^output_item|\.output_item/.test(label)) return "item";
  return "response";
}

/** The path below which a recording, or its turn NAME#2, answers. */
export function pathOf(turn, session = "") {
  const [, name, number] = /^(.*?)(?:#(\d+))?$/s.exec(turn);
  const encoded = name.split("/").map(encodeURIComponent).join("/");
  const prefix = session ? `/s/${encodeURIComponent(session)}` : "";
  return `${prefix}/r/${encoded}${number ? `/turns/${number}` : ""}/v1`;
}

/** The address of this server, without the page's own path. */
export function serverUrl() {
  return location.origin + location.pathname.replace(/\/__admin\/.*$/, "");
}

export function link(...parts) {
  return `#/${parts.map(encodeURIComponent).join("/")}`;
}
