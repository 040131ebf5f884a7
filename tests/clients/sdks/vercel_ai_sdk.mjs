// Vercel's AI SDK.

import { createOpenAI } from "@ai-sdk/openai";
import { stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { BASE_URL, QUESTION, answer, main, modelOf } from "./driver.mjs";

const openai = createOpenAI({ baseURL: BASE_URL, apiKey: "any" });

/** Stream an answer; gives its text and the promises of the rest. */
async function stream(options) {
  const result = streamText({ maxRetries: 0, onError: () => {}, ...options });
  let text = "";
  for await (const part of result.fullStream) {
    if (part.type === "text-delta") text += part.text;
    if (part.type === "error") throw part.error;
  }
  return { text, result };
}

await main(async (kind, name, calls) => {
  const model = openai.responses(modelOf(name));
  if (kind === "text" || kind === "error") return (await stream({ model, prompt: "Say hello" })).text;
  const called = (named) => async (asked) => (calls.push(named), answer(named, asked));
  const given = {
    get_weather: [z.object({ city: z.string(), unit: z.string() }), "Current weather of a city."],
    tide_table: [z.object({ port: z.string() }), "When the tide is high."],
  };
  const tools = Object.fromEntries(
    Object.entries(given).map(([named, [inputSchema, description]]) => {
      const execute = kind === "grown" ? called(named) : undefined;
      return [named, tool({ description, inputSchema, execute })];
    }),
  );
  if (kind === "grown") return (await stream({ model, prompt: QUESTION, tools, stopWhen: stepCountIs(6) })).text;
  let [messages, text, previousResponseId] = [[{ role: "user", content: QUESTION }], "", undefined];
  for (let number = 0; number < 6; number++) {
    const providerOptions = previousResponseId ? { openai: { previousResponseId } } : undefined;
    const { text: piece, result } = await stream({ model, messages, tools, providerOptions });
    text += piece;
    const asked = await result.toolCalls;
    if (!asked.length) break;
    previousResponseId = (await result.providerMetadata).openai.responseId;
    const content = [];
    for (const { toolCallId, toolName, input } of asked) {
      const value = await called(toolName)(input);
      content.push({ type: "tool-result", toolCallId, toolName, output: { type: "text", value } });
    }
    messages = [{ role: "tool", content }];
  }
  return text;
});
