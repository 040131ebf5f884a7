// The npm package openai.

import OpenAI from "openai";

const client = new OpenAI({ maxRetries: 0 });

let text = "";
for await (const event of await client.responses.create({ model: "text/hello", input: "Say hello", stream: true })) {
  if (event.type === "response.output_text.delta") text += event.delta;
}
console.log("text:", text);

const input = [{ role: "user", content: "What is the weather in Paris now?" }];
for (;;) {
  const response = await client.responses.create({ model: "tools/get_weather", input });
  const calls = response.output.filter((item) => item.type === "function_call");
  if (!calls.length) {
    console.log("tool:", response.output_text);
    break;
  }
  input.push(...response.output);
  for (const call of calls) {
    input.push({ type: "function_call_output", call_id: call.call_id, output: '{"temperature": 18}' });
  }
}

try {
  await client.responses.create({ model: "errors/rate_limit", input: "Hi" });
} catch (error) {
  console.log("error:", error.status);
}
