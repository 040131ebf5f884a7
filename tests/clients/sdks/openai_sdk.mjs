// The npm package openai.

import OpenAI from "openai";
import { BASE_URL, QUESTION, answer, main, modelOf } from "./driver.mjs";

const client = new OpenAI({ baseURL: BASE_URL, apiKey: "any", maxRetries: 0 });
const tools = ["get_weather", "tide_table"].map((name) => ({
  type: "function",
  name,
  strict: false,
  parameters: { type: "object", properties: {} },
}));

await main(async (kind, name, calls) => {
  const model = modelOf(name);
  let text = "";
  const turn = async (request) => {
    const stream = client.responses.stream({ model, ...request });
    for await (const event of stream) if (event.type === "response.output_text.delta") text += event.delta;
    return stream.finalResponse();
  };
  if (kind === "text" || kind === "error") {
    await turn({ input: "Say hello" });
    return text;
  }
  let input = [{ role: "user", content: QUESTION }];
  let previous;
  for (let number = 0; number < 6; number++) {
    const response = await turn({ input, tools, previous_response_id: previous });
    const asked = response.output.filter((item) => item.type === "function_call");
    if (!asked.length) break;
    calls.push(...asked.map((item) => item.name));
    const outputs = asked.map((item) => ({
      type: "function_call_output",
      call_id: item.call_id,
      output: answer(item.name, JSON.parse(item.arguments)),
    }));
    previous = kind === "previous" ? response.id : undefined;
    input = kind === "previous" ? outputs : [...input, ...response.output, ...outputs];
  }
  return text;
});
