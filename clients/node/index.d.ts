export interface RespoolOptions {
  /** Folders and files of recordings ("fixtures"). */
  fixtures?: string | string[];
  /** "instant" (the default), or a factor: 1 is as recorded. */
  speed?: number | "instant";
  /** The recording that answers what names none. */
  default?: string;
  /** More options of `respool serve`. */
  args?: string[];
  /** Set OPENAI_BASE_URL, OPENAI_API_KEY and RESPOOL_URL in process.env until it is stopped (true). */
  env?: boolean;
  /** How respool is run: ["respool"], or what RESPOOL_COMMAND says. */
  command?: string[];
  /** Run this container image instead. */
  image?: string;
  /** What runs the image ("docker"). */
  engine?: string;
  /** Where it runs; paths are relative to it. */
  cwd?: string;
  /** Milliseconds within which it has to start (30000). */
  timeout?: number;
}

/** A request of the journal, as /__admin/requests gives it. */
export interface SeenRequest {
  id: number;
  method: string;
  path: string;
  status: number | null;
  recording: string | null;
  session: string;
  matched: boolean;
  unmatched: boolean;
  why: string;
  ended: string;
  events: number;
  faults: string[];
  [field: string]: unknown;
}

export interface Conditions {
  session?: string;
  method?: string;
  path?: string;
  status?: number;
  recording?: string;
  matched?: boolean;
  unmatched?: boolean;
  pending?: boolean;
  since?: number;
  model?: string;
  text?: string;
}

/** Start a server, and resolve when it answers. */
export function startRespool(options?: RespoolOptions): Promise<Respool>;

/** A running server. */
export class Respool {
  private constructor();
  readonly url: string;
  readonly baseURL: string;
  readonly apiKey: string;
  readonly env: Record<"OPENAI_BASE_URL" | "OPENAI_API_KEY" | "RESPOOL_URL", string>;
  /** What the server has printed. */
  output(): string;
  /** The base URL below which a recording answers. */
  baseURLOf(name: string): string;
  /** A session: requests, faults and what is played are its own. */
  session(name: string): Session;
  /** All requests so far, oldest first. */
  requests(conditions?: Conditions): Promise<SeenRequest[]>;
  /** The requests that no recording answered. */
  unmatched(): Promise<SeenRequest[]>;
  /** End the server, and set the environment as it was. */
  stop(): Promise<void>;
}

/** One test's own part of a server. */
export class Session {
  constructor(server: string, name: string);
  readonly name: string;
  readonly url: string;
  readonly baseURL: string;
  readonly apiKey: string;
  baseURLOf(name: string): string;
  /** Have a recording answer what names none. */
  play(name: string): Promise<void>;
  /** Have these faults happen to every answer from now on; without any, none. */
  fault(...faults: Array<string | Record<string, unknown>>): Promise<void>;
  requests(conditions?: Omit<Conditions, "session">): Promise<SeenRequest[]>;
  unmatched(): Promise<SeenRequest[]>;
  /** Throw if a request of this session was answered by no recording. */
  assertMatched(): Promise<void>;
  /** Be as at the beginning. */
  reset(): Promise<void>;
}
