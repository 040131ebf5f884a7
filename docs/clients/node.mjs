// The packages for Node are those of the tests, which are not on the path from here.
import { createRequire } from "node:module";

const require = createRequire(new URL("../../tests/node/package.json", import.meta.url));

export const { OpenAI } = require("openai");
export const { EventSourceParserStream } = require("eventsource-parser/stream");
