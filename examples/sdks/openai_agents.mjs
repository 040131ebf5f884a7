// @openai/agents: npm install @openai/agents openai zod

import { Agent, run, setDefaultOpenAIClient, setTracingDisabled, tool } from "@openai/agents";
import OpenAI from "openai";
import { z } from "zod";

setTracingDisabled(true);
setDefaultOpenAIClient(new OpenAI({ maxRetries: 0 }));

const stream = await run(new Agent({ name: "Greeter", model: "text/hello" }), "Say hello", { stream: true });
let text = "";
for await (const piece of stream.toTextStream()) text += piece;
console.log("text:", text);

const getWeather = tool({
  name: "get_weather",
  description: "Current weather of a city.",
  parameters: z.object({ city: z.string(), unit: z.string() }),
  execute: async ({ city, unit }) => `18 degrees ${unit} in ${city}`,
});
const agent = new Agent({ name: "Weather", model: "tools/get_weather", tools: [getWeather] });
console.log("tool:", (await run(agent, "What is the weather in Paris now?")).finalOutput);

try {
  await run(new Agent({ name: "Limited", model: "errors/rate_limit" }), "Hi");
} catch (error) {
  console.log("error:", error.status);
}
