export default { test: { globalSetup: "respool/vitest", env: { OPENAI_API_KEY: "any" } } };
