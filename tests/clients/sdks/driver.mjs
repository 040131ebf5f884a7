// What the drivers in JavaScript share: the runs that the command line asks for, and how they are told.

const [, , baseURL, ...runs] = process.argv;

export const BASE_URL = baseURL;
export const QUESTION = process.env.RESPOOL_QUESTION || "What is the weather in Paris now?";
export const modelOf = (name) => process.env.RESPOOL_MODEL || name;

/** What the tools give, whichever is called. */
export const answer = (tool, asked) => `${tool} of ${Object.values(asked).join(", ")}: noon, 18 degrees`;

/** Call `run(kind, name, calls)`, which resolves to the streamed text, for each run of the command line. */
export async function main(run) {
  for (let i = 0; i < runs.length; i += 2) {
    const [kind, name] = runs.slice(i, i + 2);
    const told = { run: kind, name, text: null, calls: [], error: null };
    try {
      told.text = await run(kind, name, told.calls);
    } catch (error) {
      const status = error.status ?? error.statusCode ?? null;
      told.error = { type: error.constructor.name, status, text: String(error).slice(0, 500) };
    }
    console.log(JSON.stringify(told));
  }
}
