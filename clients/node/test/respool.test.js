// node --test; RESPOOL_COMMAND says how respool is run.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startRespool } from "../index.js";
import setup, { testSession } from "../vitest.js";
import setupJest from "../jest.js";
import teardownJest from "../jest-teardown.js";

const fixtures = new URL("../../../fixtures", import.meta.url).pathname;
let respool;

before(async () => {
  respool = await startRespool({ fixtures, env: false });
});
after(() => respool.stop());

async function ask(baseURL, body = {}) {
  const answer = await fetch(`${baseURL}/responses`, {
    method: "POST",
    body: JSON.stringify({ model: "gpt-5", input: "Hi", ...body }),
  });
  return [answer.status, await answer.json()];
}

test("recordings answer below their URLs", async () => {
  const [status, response] = await ask(respool.baseURLOf("text/hello"));
  assert.equal(status, 200);
  assert.equal(response.status, "completed");
});

test("a session plays what it is told, and sees its own requests only", async () => {
  const [one, other] = [respool.session("one"), respool.session("other, with a space")];
  await one.play("text/hello");
  await other.play("errors/rate_limit");
  assert.equal((await ask(one.baseURL))[0], 200);
  assert.equal((await ask(other.baseURL))[0], 429);
  assert.deepEqual((await one.requests()).map((seen) => seen.recording), ["text/hello"]);
  assert.equal((await one.requests({ text: "nothing of the kind" })).length, 0);
  await one.reset();
  assert.equal((await one.requests()).length, 0);
  assert.equal((await other.requests()).length, 1);
});

test("faults happen to a session", async () => {
  const session = respool.session("faults");
  await session.fault("status(code=503, times=1)");
  assert.equal((await ask(session.baseURLOf("text/hello")))[0], 503);
  assert.equal((await ask(session.baseURLOf("text/hello")))[0], 200);
  await assert.rejects(session.fault("abrt"), /^Error: respool: .*abrt/);
});

test("what no recording answers is told", async () => {
  const session = respool.session("unmatched");
  await session.assertMatched();
  await ask(session.baseURLOf("text/helo"));
  assert.equal((await session.unmatched()).length, 1);
  await assert.rejects(session.assertMatched(), /requests that no recording answers:\n.*text\/helo.*404/);
  await assert.rejects(session.play("text/helo"), /There is no recording "text\/helo". Nearest: text\/hello/);
});

test("the environment is set until the server is stopped", async () => {
  const before = process.env.OPENAI_BASE_URL;
  const another = await startRespool({ fixtures });
  assert.equal(process.env.OPENAI_BASE_URL, another.baseURL);
  await another.stop();
  await another.stop();
  assert.equal(process.env.OPENAI_BASE_URL, before);
  await assert.rejects(fetch(another.url));
});

test("a server that does not start says why", async () => {
  await assert.rejects(startRespool({ fixtures: "/no/such/folder" }), /ended with 2.*no such file or folder/s);
  await assert.rejects(startRespool({ command: ["no-such-command"] }), /no-such-command is not installed/);
});

for (const [name, begin] of [
  ["vitest", setup],
  ["jest", async (project) => (await setupJest(project), teardownJest)],
]) {
  test(`the setup of ${name} starts a server for its tests`, async () => {
    process.env.RESPOOL_PATHS = fixtures;
    const end = await begin({});
    const session = testSession("a test › with marks");
    await session.play("text/hello");
    assert.equal((await ask(session.baseURL))[0], 200);
    assert.notEqual(testSession("a test").name, testSession("a test").name);
    await end();
    assert.throws(() => testSession(), /there is no server/);
    delete process.env.RESPOOL_PATHS;
  });
}
