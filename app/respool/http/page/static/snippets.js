// How a client reaches a recording: what is copied into a test.

import { copyButton, h, tabs } from "./dom.js";

export function snippets(url) {
  const quoted = JSON.stringify(url);
  const texts = {
    python: `from openai import OpenAI

client = OpenAI(base_url=${quoted}, api_key="any")
stream = client.responses.create(model="gpt-5.2", input="Hello", stream=True)
for event in stream:
    if event.type == "response.output_text.delta":
        print(event.delta, end="", flush=True)
`,
    node: `import OpenAI from "openai";

const client = new OpenAI({ baseURL: ${quoted}, apiKey: "any" });
const stream = await client.responses.create({ model: "gpt-5.2", input: "Hello", stream: true });
for await (const event of stream) {
  if (event.type === "response.output_text.delta") process.stdout.write(event.delta);
}
`,
    curl: `curl -N '${url}/responses' -H 'content-type: application/json' -d '{"model": "gpt-5.2", "input": "Hello", "stream": true}'
`,
    env: `OPENAI_BASE_URL='${url}' OPENAI_API_KEY=any`,
  };
  const names = { python: "Python", node: "Node", curl: "curl", env: "Environment" };
  return tabs("Clients", Object.entries(texts).map(([name, text]) => [name, names[name], () =>
    h("div", { class: "snippet" }, h("pre", { tabindex: "0", "aria-label": names[name] }, h("code", {}, text)), copyButton(text, `the ${names[name]} snippet`))]));
}
