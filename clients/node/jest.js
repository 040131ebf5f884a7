// jest: `globalSetup: "respool/jest"` and `globalTeardown: "respool/jest/teardown"`.

import { startRespool } from "./index.js";

export { testSession } from "./vitest.js";

/** Start a server for all tests. */
export default async function setup(config) {
  const folders = process.env.RESPOOL_PATHS?.split(process.platform === "win32" ? ";" : ":");
  globalThis.__respool = await startRespool({ fixtures: folders, cwd: config?.rootDir });
  await globalThis.__respool.requests(); // which has the admin API made: not in the time of the first test
}
