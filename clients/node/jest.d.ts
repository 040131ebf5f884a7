export { testSession } from "./vitest.js";

/** For jest's `globalSetup`; and of `respool/jest/teardown`, for its `globalTeardown`. */
export default function setup(config?: unknown): Promise<void>;
