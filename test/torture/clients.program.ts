import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { Agent, request } from "node:http";
import { createSeededRandom } from "../help/seeded-random.ts";
import { type Ack, machineMs } from "./facts.ts";

/**
 * The clients: requests leave by the clock, whether or not earlier ones were answered, over connections that are kept.
 * Of a key the next request leaves once the one before is acknowledged or given up, so that their order is known.
 */

export interface ClientsOptions {
  readonly seed: number;
  /** Of the proxy. */
  readonly url: string;
  /** Requests per second. */
  readonly rate: number;
  /** Where acknowledgements are written, one a line. */
  readonly file: string;
  /** Where there are several such programs: which one, and of how many. Their keys and numbers are their own. */
  readonly part?: { readonly n: number; readonly of: number };
}

/** `finish`: sends no more, waits for what is under way, and says `finished`. */
export type ClientsOrder =
  | { readonly kind: "start" }
  | { readonly kind: "burst"; readonly requests: number }
  | { readonly kind: "finish" };

export interface ClientsTally {
  readonly sent: number;
  readonly acknowledged: number;
  /** By status, other than 202. */
  readonly refused: Readonly<Record<string, number>>;
  /** No whole answer came: nobody knows whether it is in. */
  readonly unanswered: number;
  /** Neither a good 202 nor 503, the first few. */
  readonly odd: readonly string[];
  /** How long it has been sending. */
  readonly ms: number;
}

export type ClientsNews =
  | { readonly kind: "tally"; readonly tally: ClientsTally }
  | { readonly kind: "finished"; readonly tally: ClientsTally };

const KEYS = 24;
/** Of the requests that are not in a burst, as long as a key is free. */
const ORDERED_SHARE = 0.4;
const PADDING_BYTES = 4 * 1024;
const CONNECTIONS = 48;
/** More are not under way: a sidecar that stands still must not fill our memory. */
const MAX_OPEN = 2_000;
const GIVE_UP_MS = 10_000;
const TALLY_MS = 50;
const TURN_MS = 2;
const KEPT_ODD = 10;

const options = JSON.parse(process.argv[2] ?? "") as ClientsOptions;
const random = createSeededRandom(options.seed);
const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
const out = createWriteStream(options.file);
const { hostname, port } = new URL(options.url);
const part = options.part ?? { n: 0, of: 1 };
const freeKeys = Array.from({ length: KEYS }, (_, n) => ({ name: `k${n * part.of + part.n}`, seq: 0 }));
type Key = (typeof freeKeys)[number];
const refused: Record<string, number> = {};
const odd: string[] = [];
let sent = 0;
let acknowledged = 0;
let unanswered = 0;
let open = 0;
let due = 0;
let startedAt = 0;
let lastAt = 0;
let finishing = false;

const tell = (news: ClientsNews): void => void process.send?.(news);
const tally = (): ClientsTally => ({ sent, acknowledged, refused, unanswered, odd, ms: lastAt - startedAt });

function send(key: Key | null): void {
  const number = part.of * sent++ + part.n;
  open++;
  const padding = random.bytes(random.below(PADDING_BYTES));
  const seq = key === null ? -1 : key.seq++;
  const body =
    key === null
      ? Buffer.concat([Buffer.from(`${number}\n`), padding])
      : Buffer.from(JSON.stringify({ key: key.name, seq, number, padding: padding.toString("base64") }));
  const route = key === null ? "plain" : "ordered";
  const headers = {
    "Content-Type": key === null ? "application/octet-stream" : "application/json",
    "Content-Length": body.length,
    "X-Number": number,
    "X-Body-Hash": createHash("sha256").update(body).digest("hex"),
    ...(key !== null && { "X-Key": key.name, "X-Seq": seq }),
  };
  const req = request({ hostname, port, agent, method: "POST", path: `/torture/${route}`, headers });
  const timer = setTimeout(() => req.destroy(new Error("no answer")), GIVE_UP_MS);
  let answered = false;
  req.on("error", () => {});
  req.on("response", (res) => {
    const chunks: Buffer[] = [];
    res.on("error", () => {});
    res.on("data", (chunk: Buffer) => chunks.push(chunk));
    res.on("end", () => {
      if (!res.complete) return;
      answered = true;
      const text = Buffer.concat(chunks).toString();
      const id = res.statusCode === 202 ? idOf(text) : null;
      if (id === null) return refuse(res.statusCode ?? 0, text);
      acknowledged++;
      const ack: Ack = { id, route, number, key: key?.name ?? null, seq, at: machineMs() };
      out.write(`${JSON.stringify(ack)}\n`);
    });
  });
  req.on("close", () => {
    clearTimeout(timer);
    open--;
    if (!answered) unanswered++;
    if (key !== null) freeKeys.push(key);
    if (finishing && open === 0) finish();
  });
  req.end(body);
}

/** The id of an answer that has exactly the form that is promised, else null. */
function idOf(text: string): string | null {
  try {
    const { id, status, duplicate } = JSON.parse(text) as Record<string, unknown>;
    return typeof id === "string" && id !== "" && status === "queued" && duplicate === false ? id : null;
  } catch {
    return null;
  }
}

function refuse(status: number, text: string): void {
  refused[status] = (refused[status] ?? 0) + 1;
  if (status !== 503 && odd.length < KEPT_ODD) odd.push(`${status} ${text.slice(0, 300)}`);
}

function turn(): void {
  if (finishing) return;
  const now = machineMs();
  due = Math.min(due + ((now - lastAt) * options.rate) / 1000, MAX_OPEN);
  lastAt = now;
  for (; due >= 1 && open < MAX_OPEN; due--) send(random.float() < ORDERED_SHARE ? (freeKeys.shift() ?? null) : null);
  setTimeout(turn, TURN_MS);
}

function finish(): void {
  agent.destroy();
  out.end(() => tell({ kind: "finished", tally: tally() }));
}

process.on("message", (order: ClientsOrder) => {
  switch (order.kind) {
    case "start":
      startedAt = lastAt = machineMs();
      setInterval(() => tell({ kind: "tally", tally: tally() }), TALLY_MS).unref();
      return turn();
    case "burst":
      for (let n = 0; n < order.requests && open < MAX_OPEN; n++) send(n % 2 === 0 ? (freeKeys.shift() ?? null) : null);
      return;
    case "finish":
      finishing = true;
      if (open === 0) finish();
  }
});
process.on("disconnect", () => process.exit(1));
