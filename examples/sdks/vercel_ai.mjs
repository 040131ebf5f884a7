// Vercel's AI SDK: npm install ai @ai-sdk/openai zod

import { createOpenAI } from "@ai-sdk/openai";
import { generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const openai = createOpenAI({ baseURL: process.env.OPENAI_BASE_URL });

let text = "";
for await (const piece of streamText({ model: openai.responses("text/hello"), prompt: "Say hello" }).textStream) text += piece;
console.log("text:", text);

const getWeather = tool({
  description: "Current weather of a city.",
  inputSchema: z.object({ city: z.string(), unit: z.string() }),
  execute: async ({ city, unit }) => `18 degrees ${unit} in ${city}`,
});
const answer = await generateText({
  model: openai.responses("tools/get_weather"),
  prompt: "What is the weather in Paris now?",
  tools: { get_weather: getWeather },
  stopWhen: stepCountIs(5),
});
console.log("tool:", answer.text);

try {
  await generateText({ model: openai.responses("errors/rate_limit"), prompt: "Hi", maxRetries: 0 });
} catch (error) {
  console.log("error:", error.statusCode);
}
