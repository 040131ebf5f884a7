// openai-node: the helper, which folds the events into the final response.
import { OpenAI } from "./node.mjs";

try {
  const stream = new OpenAI().responses.stream({ model: "gpt-5.2", input: "Say hello." });
  console.log((await stream.finalResponse()).output_text);
} catch (error) {
  console.error(error.constructor.name);
  process.exitCode = 1;
}
