// Runs a loop with one tool against the server at BASE_URL: for each NAME by its grown input and by
// previous_response_id, all at once. Prints one line of JSON for each loop.
//
//     node turns.mjs BASE_URL NAME...
import OpenAI from "openai";

const [baseURL, ...names] = process.argv.slice(2);

async function loop(model, stateful) {
  const client = new OpenAI({ baseURL, apiKey: "any", maxRetries: 2 });
  const told = { model, stateful, turns: 0, text: null, error: null };
  let input = [{ role: "user", content: "Please look it up." }];
  let previous;
  try {
    while (told.turns < 5) {
      const stream = client.responses.stream({ model, input, previous_response_id: previous });
      const response = await stream.finalResponse();
      told.turns += 1;
      const outputs = response.output
        .filter((item) => item.type === "function_call")
        .map(({ call_id }) => ({ type: "function_call_output", call_id, output: "noon, 18 degrees" }));
      if (!outputs.length) {
        told.text = response.output_text;
        break;
      }
      previous = stateful ? response.id : undefined;
      input = stateful ? outputs : [...input, ...response.output, ...outputs];
    }
  } catch (error) {
    told.error = String(error);
  }
  return told;
}

const loops = names.flatMap((name) => [loop(name, false), loop(name, true), loop(name, false)]);
for (const told of await Promise.all(loops)) console.log(JSON.stringify(told));
