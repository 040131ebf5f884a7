// A client of the Responses API: it streams answers, and calls a tool when the model asks for it.

const MODEL = "gpt-5.5";
const MOST_TURNS = 10;
const TOOLS = [
  {
    type: "function",
    name: "get_weather",
    parameters: { type: "object", properties: { city: { type: "string" }, unit: { type: "string" } } },
  },
];

/** What the tool gives: a real one would ask a service. */
function getWeather({ unit = "celsius" }) {
  return { temperature: 18, unit, condition: "light rain" };
}

/** The model's answer, piece by piece. */
export async function* say(client, input) {
  for await (const event of await client.responses.create({ model: MODEL, input, stream: true })) {
    if (event.type === "response.output_text.delta") yield event.delta;
  }
}

/** The model's answer, after all calls of tools. */
export async function ask(client, question) {
  const input = [{ role: "user", content: question }];
  for (let turn = 0; turn < MOST_TURNS; turn++) {
    const response = await client.responses.create({ model: MODEL, input, tools: TOOLS });
    const calls = response.output.filter((item) => item.type === "function_call");
    if (!calls.length) return response.output_text;
    input.push(...response.output);
    for (const { call_id, arguments: given } of calls) {
      input.push({ type: "function_call_output", call_id, output: JSON.stringify(getWeather(JSON.parse(given))) });
    }
  }
  throw new Error(`no answer after ${MOST_TURNS} turns`);
}
