// startRespool(): a Respool server for tests, as a process or a container, and sessions at it.

import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { resolve } from "node:path";

const LISTENS = /listens on (http:\/\/\S+)/;
const API_KEY = "respool";
const MOST_OUTPUT = 64 * 1024; // characters of the server's output that are kept for messages

/** Start a server, and resolve when it answers. */
export async function startRespool(options = {}) {
  const { fixtures = "fixtures", env = true, timeout = 30_000 } = options;
  const folders = [fixtures].flat();
  const started = options.image
    ? await startImage(options, folders, timeout)
    : await startCommand(options, folders, timeout);
  return new Respool(started, env);
}

/** A running server. */
export class Respool {
  #process;
  #before;

  constructor({ url, process: child, output }, env) {
    this.url = url;
    this.baseURL = `${url}/v1`;
    this.apiKey = API_KEY;
    this.env = { OPENAI_BASE_URL: this.baseURL, OPENAI_API_KEY: API_KEY, RESPOOL_URL: url };
    this.output = output;
    this.#process = child;
    this.#before = {};
    if (env) {
      for (const [name, value] of Object.entries(this.env)) {
        this.#before[name] = process.env[name];
        process.env[name] = value;
      }
    }
  }

  /** The base URL below which a recording answers. */
  baseURLOf(name) {
    return `${this.url}/r/${encodePath(name)}/v1`;
  }

  /** A session: requests, faults and what is played are its own. */
  session(name) {
    return new Session(this.url, name);
  }

  /** All requests so far, oldest first. */
  async requests(conditions = {}) {
    return requestsOf(this.url, conditions);
  }

  /** The requests that no recording answered. */
  async unmatched() {
    return this.requests({ unmatched: true });
  }

  /** End the server, and set the environment as it was. */
  async stop() {
    for (const [name, value] of Object.entries(this.#before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    this.#before = {};
    await end(this.#process);
  }

  async [Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]() {
    await this.stop();
  }
}

/** One test's own part of a server. */
export class Session {
  #server;

  constructor(server, name) {
    this.#server = server;
    this.name = name;
    this.url = `${server}/s/${encodeURIComponent(name)}`;
    this.baseURL = `${this.url}/v1`;
    this.apiKey = API_KEY;
  }

  /** The base URL below which a recording answers, in this session. */
  baseURLOf(name) {
    return `${this.url}/r/${encodePath(name)}/v1`;
  }

  /** Have a recording answer what names none. */
  async play(name) {
    await admin(this.#server, "PUT", "/play", { session: this.name, name });
  }

  /** Have these faults happen to every answer from now on; without any, none. */
  async fault(...faults) {
    await admin(this.#server, "PUT", "/faults", { session: this.name, faults });
  }

  /** The requests of this session, oldest first. */
  async requests(conditions = {}) {
    return requestsOf(this.#server, { ...conditions, session: this.name });
  }

  /** The requests that no recording answered. */
  async unmatched() {
    return this.requests({ unmatched: true });
  }

  /** Throw if a request of this session was answered by no recording. */
  async assertMatched() {
    const unmatched = await this.unmatched();
    if (unmatched.length) {
      const lines = unmatched.flatMap((one) => [`  ${one.method} ${one.path} ${one.status}`, `    ${one.why}`]);
      throw new Error(["requests that no recording answers:", ...lines].join("\n"));
    }
  }

  /** Be as at the beginning. */
  async reset() {
    await admin(this.#server, "POST", "/reset", { session: this.name });
  }
}

async function requestsOf(server, conditions) {
  const query = new URLSearchParams({ limit: "1000" });
  for (const [name, value] of Object.entries(conditions)) query.set(name, String(value));
  return (await admin(server, "GET", `/requests?${query}`)).requests;
}

async function admin(server, method, path, body) {
  const answer = await fetch(`${server}/__admin${path}`, {
    method,
    headers: body === undefined ? {} : { "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const told = await answer.json();
  if (!answer.ok) throw new Error(`respool: ${told.error?.message ?? answer.status}`);
  return told;
}

function encodePath(name) {
  return name.split("/").map(encodeURIComponent).join("/");
}

function options_of({ speed = "instant", default: name, args = [] }) {
  return ["--speed", String(speed), ...(name === undefined ? [] : ["--default", name]), ...args];
}

async function startCommand(options, folders, timeout) {
  const [command, ...first] = options.command ?? process.env.RESPOOL_COMMAND?.split(" ") ?? ["respool"];
  const args = [...first, "serve", ...folders, "--port", "0", "--quiet", ...options_of(options)];
  const child = launch(command, args, options.cwd);
  const url = await settled(child, timeout, (text) => LISTENS.exec(text)?.[1]);
  return { url, process: child.process, output: child.output };
}

async function startImage(options, folders, timeout) {
  const port = await freePort();
  const mounts = folders.flatMap((folder, number) => [
    "-v", `${resolve(options.cwd ?? ".", folder)}:/fixtures/${number}:ro`,
  ]);
  const paths = folders.map((_, number) => `/fixtures/${number}`);
  const engine = options.engine ?? "docker";
  const args = [
    "run", "--rm", "--init", "-p", `127.0.0.1:${port}:8080`, ...mounts,
    options.image, "serve", ...paths, "--quiet", ...options_of(options),
  ];
  const child = launch(engine, args, options.cwd);
  await settled(child, timeout, (text) => LISTENS.exec(text)?.[1]);
  return { url: `http://127.0.0.1:${port}`, process: child.process, output: child.output };
}

function launch(command, args, cwd) {
  const child = spawn(command, args, {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, PYTHONUNBUFFERED: "1" },
  });
  let text = "";
  const listeners = new Set();
  const take = (chunk) => {
    text = (text + chunk).slice(-MOST_OUTPUT);
    for (const listener of listeners) listener(text);
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8");
    stream.on("data", take);
    stream.unref?.();
  }
  child.unref(); // a test runner may end without a word
  const atExit = () => child.kill();
  process.once("exit", atExit);
  child.once("exit", () => process.off("exit", atExit));
  return { process: child, output: () => text, listeners };
}

/** What `find` finds in the output, as soon as it is there. */
function settled({ process: child, output, listeners }, timeout, find) {
  return new Promise((done, fail) => {
    // The server's pipes keep nothing alive: this timer does, until it has started.
    const timer = setTimeout(() => finish(new Error(`respool did not start within ${timeout} ms\n${output()}`)), timeout);
    const look = (text) => {
      const found = find(text);
      if (found) finish(undefined, found);
    };
    const gone = (code) => finish(new Error(`respool ended with ${code} before it had started\n${output()}`));
    const failed = (error) =>
      finish(
        error.code === "ENOENT"
          ? new Error(`respool: ${child.spawnfile} is not installed: pip install respool, or name an image`)
          : error,
      );
    function finish(error, value) {
      clearTimeout(timer);
      listeners.delete(look);
      child.off("close", gone);
      child.off("error", failed);
      if (error) {
        child.on("error", () => {});
        child.kill();
        fail(error);
      } else done(value);
    }
    listeners.add(look);
    child.once("close", gone);
    child.once("error", failed);
  });
}

async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((done) => child.once("exit", done));
  child.ref();
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), 5_000);
  await ended;
  clearTimeout(late);
}

function freePort() {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}
