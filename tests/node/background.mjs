// Goes through the life of responses at the server at URL, and prints what the SDK made of it as one JSON object.
//
//     node background.mjs URL LOCKED FAST SLOW
//
// LOCKED is the URL of a server that wants another key, FAST a recording that comes all at once, SLOW one that
// stops after five events.
import OpenAI from "openai";

const [url, locked, fast, slow] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "any", maxRetries: 0 });
const { responses } = client;

async function take(stream, most = Infinity) {
  const events = [];
  if (most > 0) {
    for await (const event of stream) {
      events.push(event);
      if (events.length >= most) break; // which leaves the stream
    }
  }
  return events;
}

async function refused(call) {
  try {
    await call();
  } catch (error) {
    return { class: error.constructor.name, status: error.status, code: error.code };
  }
}

// A client that says which of its requests are retries, and when they left, in milliseconds.
function retrying(fault) {
  const left = [];
  const client = new OpenAI({
    baseURL: `${url}/v1`,
    apiKey: "any",
    defaultHeaders: { "x-respool-fault": fault },
    maxRetries: 1,
    fetch(input, init) {
      left.push({ count: init.headers.get("x-stainless-retry-count"), at: performance.now() });
      return fetch(input, init);
    },
  });
  return { client, left };
}

const seen = { resumed: [], retries: [] };
const create = { model: fast, input: "any", background: true };

const whole = await take(await responses.create({ ...create, stream: true }));
const { id } = whole[0].response;
for (let count = 1; count <= whole.length; count++) {
  const events = await take(await responses.create({ ...create, stream: true }), count);
  const last = events.at(-1).sequence_number;
  events.push(...(await take(await responses.retrieve(id, { stream: true, starting_after: last }))));
  seen.resumed.push(events.map((event) => event.sequence_number));
}

let polled = await responses.create({ ...create, input: ["a", "b", "c"].map((content) => ({ role: "user", content })) });
while (["queued", "in_progress"].includes(polled.status)) polled = await responses.retrieve(polled.id);
seen.polled = polled;

seen.items = [];
for await (const item of responses.inputItems.list(polled.id, { limit: 2, order: "asc" })) {
  seen.items.push(item.content[0].text);
}

await responses.delete(polled.id);
seen.deleted = await refused(() => responses.retrieve(polled.id));

const running = await responses.create({ ...create, model: slow, stream: true });
const iterator = running[Symbol.asyncIterator]();
const before = [];
while (before.length < 5) before.push((await iterator.next()).value);
const cancelled = await responses.cancel(before[0].response.id);
const after = [];
for (let next = await iterator.next(); !next.done; next = await iterator.next()) after.push(next.value);
seen.cancelled = { status: cancelled.status, before: before.length, after };

for (const fault of ["rate_limit(times=1, retry_after_ms=700)", "rate_limit(times=1, retry_after=1)"]) {
  const { client, left } = retrying(fault);
  const answer = await client.responses.create({ model: fast, input: "any" });
  seen.retries.push({ status: answer.status, counts: left.map(({ count }) => count), wait: left[1].at - left[0].at });
}

const stranger = new OpenAI({ baseURL: `${locked}/v1`, apiKey: "sk-wrong" });
seen.unauthorized = await refused(() => stranger.responses.create({ model: fast }));

console.log(JSON.stringify(seen));
