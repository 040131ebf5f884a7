import type { Session } from "./index.js";

/** Start a server for all tests, for vitest's `globalSetup`. RESPOOL_PATHS says where recordings are (fixtures). */
export default function setup(project?: unknown): Promise<() => Promise<void>>;

/** A session at the server of the run. */
export function testSession(name?: string): Session;
