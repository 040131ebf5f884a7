// jest: ends the server that jest.js has started.

export default async function teardown() {
  await globalThis.__respool?.stop();
}
