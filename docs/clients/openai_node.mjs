// openai-node: the events of `create({stream: true})`, one by one.
import { OpenAI } from "./node.mjs";

try {
  const stream = await new OpenAI().responses.create({ model: "gpt-5.2", input: "Say hello.", stream: true });
  for await (const event of stream) {
    if (event.type === "response.output_text.delta") process.stdout.write(event.delta);
  }
} catch (error) {
  console.error(error.constructor.name);
  process.exitCode = 1;
}
