// @openai/agents; RESPOOL_WEBSOCKET=1 has it speak over WebSocket.

import { Agent, OpenAIProvider, Runner, setTracingDisabled, tool } from "@openai/agents";
import OpenAI from "openai";
import { z } from "zod";
import { BASE_URL, QUESTION, answer, main, modelOf } from "./driver.mjs";

setTracingDisabled(true);
if (!globalThis.WebSocket) globalThis.WebSocket = (await import("ws")).WebSocket; // Node 20 has none

await main(async (kind, name, calls) => {
  const getWeather = tool({
    name: "get_weather",
    description: "Current weather of a city.",
    parameters: z.object({ city: z.string(), unit: z.string() }),
    execute: async (asked) => (calls.push("get_weather"), answer("get_weather", asked)),
  });
  const tideTable = tool({
    name: "tide_table",
    description: "When the tide is high.",
    parameters: z.object({ port: z.string() }),
    execute: async (asked) => (calls.push("tide_table"), answer("tide_table", asked)),
  });
  const looped = kind === "grown" || kind === "previous";
  const openAIClient = new OpenAI({ baseURL: BASE_URL, apiKey: "any", maxRetries: 0 });
  const useResponsesWebSocket = Boolean(process.env.RESPOOL_WEBSOCKET);
  const modelProvider = new OpenAIProvider({ openAIClient, useResponses: true, useResponsesWebSocket });
  const agent = new Agent({ name: "Weather", model: modelOf(name), tools: looped ? [getWeather, tideTable] : [] });
  // What continues by ids here is a conversation, or a response that was before the run.
  const conversationId = kind === "previous" ? (await openAIClient.conversations.create()).id : undefined;
  const runner = new Runner({ modelProvider, tracingDisabled: true });
  try {
    const options = { stream: true, maxTurns: 6, conversationId };
    const result = await runner.run(agent, looped ? QUESTION : "Say hello", options);
    let text = "";
    for await (const piece of result.toTextStream()) text += piece;
    await result.completed;
    return text;
  } finally {
    await modelProvider.close?.();
  }
});
