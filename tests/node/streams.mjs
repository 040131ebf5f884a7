// Asks the server at URL for each recording NAME, and prints what the SDK made of it, one JSON line each.
//
//     node streams.mjs URL NAME...
import OpenAI from "openai";

const REQUEST = { model: "any", input: "any" };
const [url, ...names] = process.argv.slice(2);

// What a call comes to: {value}, or {error} as a caller would catch it.
async function outcome(call) {
  try {
    return { value: await call };
  } catch (error) {
    const { constructor, status, code, message } = error;
    return { error: { class: constructor.name, status, code, message } };
  }
}

for (const name of names) {
  const retryCounts = [];
  const client = new OpenAI({
    baseURL: `${url}/r/${name}/v1`,
    apiKey: "any",
    maxRetries: 1,
    fetch(input, init) {
      retryCounts.push(init.headers.get("x-stainless-retry-count"));
      return fetch(input, init);
    },
  });

  const events = [];
  async function readToTheEnd() {
    for await (const event of await client.responses.create({ ...REQUEST, stream: true })) events.push(event);
  }

  const read = await outcome(readToTheEnd());
  const seen = {
    name,
    events,
    error: read.error ?? null,
    retryCounts: [...retryCounts],
    final: await outcome(client.responses.stream(REQUEST).finalResponse()),
    answer: await outcome(client.responses.create(REQUEST)),
  };
  console.log(JSON.stringify(seen));
}
