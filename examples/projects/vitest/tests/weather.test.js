import OpenAI from "openai";
import { testSession } from "respool/vitest";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ask, say } from "../weather.js";

let respool, client;

beforeEach(({ task }) => {
  respool = testSession(task.name);
  client = new OpenAI({ baseURL: respool.baseURL, apiKey: respool.apiKey });
});
afterEach(() => respool.assertMatched());

async function all(pieces) {
  const found = [];
  for await (const piece of pieces) found.push(piece);
  return found;
}

test("an answer is streamed", async () => {
  await respool.play("text/hello");
  const pieces = await all(say(client, "Say hello"));
  expect(pieces.length).toBeGreaterThan(1);
  expect(pieces.join("")).toMatch(/^Hello! 👋 A café/);
});

test("the tool is called and its output goes back", async () => {
  await respool.play("tools/get_weather");
  expect(await ask(client, "What is the weather in Paris now?")).toMatch(/^It is 18 °C in Paris/);
  expect(await respool.requests()).toHaveLength(2);
});

test("a failure is tried again", async () => {
  await respool.play("text/hello");
  await respool.fault("status(code=503, times=2, retry_after_ms=1)");
  expect((await all(say(client, "Say hello"))).join("")).toMatch(/^Hello!/);
  expect(await respool.requests()).toHaveLength(3);
});

test("a stream that is cut is no answer", async () => {
  await respool.play("text/hello");
  await respool.fault("abort(after=8)");
  await expect(all(say(client, "Say hello"))).rejects.toThrow();
});
