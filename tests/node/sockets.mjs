// Asks the server at URL for each recording NAME over WebSocket, and prints what the SDK made of it, one JSON
// line each. FAULT, if it is not empty, is asked for at the upgrade.
//
//     node sockets.mjs URL FAULT NAME...
import OpenAI from "openai";
import { ResponsesWS } from "openai/resources/responses/ws";

const ENDS = ["response.completed", "response.failed", "response.incomplete", "error"];
const [url, fault, ...names] = process.argv.slice(2);

for (const name of names) {
  const client = new OpenAI({ baseURL: `${url}/r/${name}/v1`, apiKey: "any" });
  const socket = new ResponsesWS(client, { headers: fault ? { "x-respool-fault": fault } : {} });
  const seen = { name, turns: [[]], code: null };
  const create = (body) => socket.send({ type: "response.create", model: "gpt-5", input: "Hello!", ...body });
  let errors = 0;
  await new Promise((resolve) => {
    socket.on("error", () => errors++);
    socket.on("close", (code) => {
      seen.code = code;
      resolve();
    });
    socket.on("event", (event) => {
      seen.turns.at(-1).push(event);
      if (!ENDS.includes(event.type)) return;
      if (seen.turns.length === 1 && event.response) {
        seen.turns.push([]);
        create({ previous_response_id: event.response.id, store: false, input: outputs(event.response) });
      } else {
        socket.close();
        resolve();
      }
    });
    create({});
  });
  seen.errors = errors;
  console.log(JSON.stringify(seen));
}

// What the calls of a response are answered with.
function outputs(response) {
  const calls = response.output.filter((item) => item.type === "function_call");
  const answers = calls.map(({ call_id }) => ({ type: "function_call_output", call_id, output: "sunny" }));
  return answers.length ? answers : "And now?";
}
