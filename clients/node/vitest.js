// vitest: `globalSetup: "respool/vitest"` starts a server for a run; `testSession()` gives a test its own part of it.

import { randomUUID } from "node:crypto";
import { Session, startRespool } from "./index.js";

/** Start a server for all tests; vitest calls it, and what it gives when they have ended. */
export default async function setup(project) {
  const folders = process.env.RESPOOL_PATHS?.split(process.platform === "win32" ? ";" : ":");
  const root = project?.config?.root;
  const respool = await startRespool({ fixtures: folders, cwd: root });
  await respool.requests(); // which has the admin API made: not in the time of the first test
  return () => respool.stop();
}

/** A session at the server of the run. Await `assertMatched()` at the end of the test. */
export function testSession(name = "test") {
  const server = process.env.RESPOOL_URL;
  if (!server) throw new Error('there is no server: set globalSetup: "respool/vitest", or use `respool run`');
  return new Session(server, `${name.replace(/[^\w.-]+/g, "-").slice(-80)}-${randomUUID().slice(0, 8)}`);
}
