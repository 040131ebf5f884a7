// eventsource-parser behind fetch: the server-sent events, each with a JSON object as its data.
import { EventSourceParserStream } from "./node.mjs";

try {
  const response = await fetch(`${process.env.OPENAI_BASE_URL}/responses`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "gpt-5.2", input: "Say hello.", stream: true }),
  });
  const events = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
  for await (const { data } of events) {
    const event = JSON.parse(data);
    if (event.type === "response.output_text.delta") process.stdout.write(event.delta);
  }
} catch (error) {
  console.error(error.constructor.name);
  process.exitCode = 1;
}
