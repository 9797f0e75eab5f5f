import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createSeededRandom } from "../help/seeded-random.ts";
import { answerOf, type Mood, nextMood } from "./app.mood.ts";
import { machineMs, type Visit, type VisitEnd } from "./facts.ts";

/** The app behind the sidecar: answers, fails, hangs and resets at random, and writes down every visit. */

export interface AppOptions {
  readonly seed: number;
  /** Where visits are written, one a line. */
  readonly file: string;
}

/** `recover`: well from now on. `finish`: writes down what is still open, and says `finished`. */
export type AppOrder = { readonly kind: "recover" } | { readonly kind: "finish" };
export type AppNews = { readonly kind: "listening"; readonly port: number } | { readonly kind: "finished" };

/** An answer takes up to this long, so that there is something in flight to kill. */
const WORK_MS = 15;

const options = JSON.parse(process.argv[2] ?? "") as AppOptions;
const random = createSeededRandom(options.seed);
const out = createWriteStream(options.file);
/** Not ended yet: what writes each down as it is at the end. */
const open = new Set<() => void>();
let mood: Mood = "well";
let recovered = false;

const tell = (news: AppNews): void => void process.send?.(news);

function onRequest(req: IncomingMessage, res: ServerResponse): void {
  const arrivedAt = machineMs();
  const hash = createHash("sha256");
  let endedAt: number | null = null;
  // Of one that broke off nothing is known.
  let whole = true;
  let expected: VisitEnd = "left";
  const record = (end: VisitEnd): void => {
    if (!open.delete(leave)) return;
    const key = header(req, "x-key");
    const visit: Visit = {
      id: header(req, "x-request-id"),
      route: (req.url ?? "").slice(1),
      number: Number(header(req, "x-number")),
      key: key === "" ? null : key,
      seq: Number(header(req, "x-seq") || -1),
      life: Number(header(req, "x-life")),
      attempt: Number(header(req, "x-retry-attempt")),
      arrivedAt,
      endedAt: endedAt ?? machineMs(),
      end,
      whole,
    };
    out.write(`${JSON.stringify(visit)}\n`);
  };
  const leave = (): void => record(expected === "hung" ? "hung" : "left");
  open.add(leave);
  req.on("data", (chunk: Buffer) => hash.update(chunk));
  req.on("end", () => {
    whole = hash.digest("hex") === header(req, "x-body-hash");
    const answer = answerOf(mood, Number(header(req, "x-number")), random);
    expected = answer;
    if (answer === "hung") return;
    setTimeout(() => {
      if (res.closed) return;
      endedAt = machineMs();
      // A good answer counts once it was given to the kernel.
      res.once("finish", () => record(answer));
      give(answer, res, () => record(answer));
    }, random.float() * WORK_MS);
  });
  res.on("close", leave);
}

function give(answer: VisitEnd, res: ServerResponse, broken: () => void): void {
  switch (answer) {
    case "good":
      return void res.writeHead(200, { "Content-Length": 2 }).end("ok");
    case "refused":
      return void res.writeHead(400, { "Content-Length": 0 }).end();
    case "failed":
      return void res.writeHead(500, { "Content-Length": 0 }).end();
    case "busy":
      return void res.writeHead(503, { "Content-Length": 0, "Retry-After": "1" }).end();
    case "cut":
      res.writeHead(200, { "Content-Length": 1_000 });
      return void res.write("this is not the whole of it", () => {
        broken();
        res.socket?.resetAndDestroy();
      });
    default:
      broken();
      res.socket?.resetAndDestroy();
  }
}

function header(req: IncomingMessage, name: string): string {
  return String(req.headers[name] ?? "");
}

function changeMood(): void {
  if (recovered) return;
  const next = nextMood(random);
  mood = next.mood;
  setTimeout(changeMood, next.ms);
}

// Only what the app does on purpose ends a connection.
const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, onRequest);
server.listen(0, "127.0.0.1", () => tell({ kind: "listening", port: (server.address() as AddressInfo).port }));
changeMood();
process.on("message", (order: AppOrder) => {
  if (order.kind === "recover") {
    recovered = true;
    mood = "well";
    return;
  }
  for (const leave of open) leave();
  out.end(() => tell({ kind: "finished" }));
});
// The harness is gone.
process.on("disconnect", () => process.exit(1));
