// Takes a conversation from create to delete at the server at BASE_URL, and prints what came of each call as JSON.
//
//     node conversations.mjs BASE_URL
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.argv[2], apiKey: "any", maxRetries: 0 });
const said = (content) => ({ role: "user", content });
const seen = {};

seen.created = await client.conversations.create({ items: [said("a")], metadata: { topic: "demo" } });
const { id } = seen.created;
seen.retrieved = await client.conversations.retrieve(id);
seen.updated = await client.conversations.update(id, { metadata: { topic: "another" } });
await client.conversations.items.create(id, { items: [said("b"), said("c")] });

seen.paged = [];
for await (const item of client.conversations.items.list(id, { limit: 1, order: "asc" })) seen.paged.push(item);
const first = seen.paged[0].id;
seen.item = await client.conversations.items.retrieve(first, { conversation_id: id });
seen.left = await client.conversations.items.delete(first, { conversation_id: id });

seen.deleted = await client.conversations.delete(id);
seen.gone = await client.conversations.retrieve(id).catch((error) => error.message);
seen.counted = await client.responses.inputTokens.count({ model: "any", input: "x".repeat(40) });
seen.compacted = await client.responses.compact({ model: "any", input: "hi" });
seen.model = await client.models.retrieve("text/hello");

console.log(JSON.stringify(seen));
