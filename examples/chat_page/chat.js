// A chat page: asks for a response in the background, shows its stream, and goes on with it after a reload.
// Its states are those that a test wants to see: asked, typing, reasoning, text, stopped, failed, done.

const base = new URLSearchParams(location.search).get("base") ?? "http://127.0.0.1:8080/r/text/hello/v1";
const messages = document.getElementById("messages");
const form = document.getElementById("form");
const input = document.getElementById("input");
const send = document.getElementById("send");
const stop = document.getElementById("stop");

// What survives a reload: the messages so far, and which event came last.
let chat = JSON.parse(sessionStorage.getItem("chat") ?? '{"messages": []}');
let running = null;

function save() {
  sessionStorage.setItem("chat", JSON.stringify(chat));
}

function show() {
  messages.replaceChildren(...chat.messages.map(item));
  const busy = chat.messages.at(-1)?.state === "running";
  stop.hidden = !busy;
  send.disabled = busy;
}

function item(message) {
  const element = document.createElement("li");
  element.className = message.role;
  if (message.role === "user") {
    element.textContent = message.text;
    return element;
  }
  element.dataset.state = message.state;
  if (message.reasoning) element.append(block("reasoning", message.reasoning));
  if (message.text) element.append(block("text", message.text));
  if (message.state === "running" && message.id && !message.text) element.append(block("typing", ""));
  if (message.state === "stopped") element.append(block("note", "Stopped."));
  if (message.state === "failed") {
    const card = block("error", message.error);
    card.setAttribute("role", "alert");
    const retry = document.createElement("button");
    retry.type = "button";
    retry.textContent = "Try again";
    retry.addEventListener("click", () => {
      const question = chat.messages.at(-2).text;
      chat.messages.splice(-2);
      ask(question);
    });
    card.append(document.createElement("br"), retry);
    element.append(card);
  }
  return element;
}

function block(name, text) {
  const element = document.createElement("div");
  element.className = name;
  if (name === "typing") element.setAttribute("aria-label", "The model is typing");
  element.textContent = text;
  return element;
}

/** Yield the data of each event of a stream. */
async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const one of blocks) {
      const data = one.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart()).join("\n");
      if (data) yield JSON.parse(data);
    }
  }
}

function take(event, message) {
  message.number = event.sequence_number ?? message.number;
  switch (event.type) {
    case "response.created":
      message.id = event.response.id;
      break;
    case "response.reasoning_summary_text.delta":
      message.reasoning += event.delta;
      break;
    case "response.output_text.delta":
      message.text += event.delta;
      break;
    case "response.failed":
      fail(message, event.response.error?.message);
      break;
    case "error":
      fail(message, event.error?.message ?? event.message);
      break;
    case "response.completed":
    case "response.incomplete":
    case "response.cancelled":
      message.state = "done";
      break;
  }
}

function fail(message, text) {
  message.state = "failed";
  message.error = text || "The answer broke off.";
}

/** Read a stream to its end, and show each event. */
async function read(request, message) {
  running = new AbortController();
  try {
    const response = await fetch(request.url, { ...request, signal: running.signal });
    if (!response.ok) {
      const body = await response.json().catch(() => ({}));
      fail(message, body.error?.message ?? `The server answers with ${response.status}.`);
    } else {
      for await (const event of events(response)) {
        take(event, message);
        save();
        show();
      }
      if (message.state === "running") fail(message);
    }
  } catch (error) {
    if (error.name !== "AbortError" && message.state === "running" && !leaving) fail(message);
  }
  if (leaving) return;
  save();
  show();
}

// A reload breaks the stream as well; that is no failure of the answer.
let leaving = false;
window.addEventListener("pagehide", () => (leaving = true));

function ask(text) {
  const message = { role: "model", state: "running", id: null, number: -1, text: "", reasoning: "", error: "" };
  chat.messages.push({ role: "user", text }, message);
  save();
  show();
  return read({
    url: `${base}/responses`,
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "gpt-5.2", input: text, stream: true, background: true, store: true }),
  }, message);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  ask(input.value);
  input.value = "";
});

stop.addEventListener("click", () => {
  const message = chat.messages.at(-1);
  message.state = "stopped";
  running?.abort();
  if (message.id) fetch(`${base}/responses/${message.id}/cancel`, { method: "POST" });
  save();
  show();
});

show();
const last = chat.messages.at(-1);
if (last?.state === "running") {
  if (last.id) read({ url: `${base}/responses/${last.id}?stream=true&starting_after=${last.number}` }, last);
  else {
    fail(last, "The page was left before the answer began.");
    show();
  }
}
