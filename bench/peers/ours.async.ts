import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Bench } from "../lib/bench.ts";
import { type Drained, drained } from "../lib/drained.ts";
import { timeOf } from "../lib/measure.ts";
import type { Target } from "../lib/target.ts";
import { dataDir, redisLine, type ServeOptions, serve } from "./ours.ts";

const FILL = fileURLToPath(new URL("./ours.fill.program.ts", import.meta.url));

/** The app that the load goes to, and one whose jobs only wait. */
const APP = "bench";
const IDLE_APP = "idle";
const CAPABILITY = "quiz_answer";

/** Deliveries at once, as many as the peer's. */
export const IN_FLIGHT = 64;

/** Outrigger with an asynchronous route. */
export interface AsyncTarget extends Target {
  readonly queues: true;
  readonly readyMs: number;
  /** Jobs that wait for the load's app, or are under way to it. */
  waiting(): Promise<number>;
  /** Accepts, and sends nothing, so that what is measured is intake alone. */
  pause(): Promise<void>;
  /** Sends all that waits, and pauses again. Fails if a job did not arrive. */
  drain(): Promise<Drained>;
}

export interface AsyncOptions {
  readonly name?: string;
  /** Of the manifest and the data: a new one unless given. */
  readonly folder?: string;
  readonly serve?: ServeOptions;
  /** The spool is on this Redis, whose time is part of it. */
  readonly redis?: { readonly port: number; readonly pid: number };
}

/** As anyone would run it, with everything on and the defaults, but for room and the number of deliveries at once. */
export async function startOursAsync(
  bench: Bench,
  upstreamPort: number,
  options: AsyncOptions = {},
): Promise<AsyncTarget> {
  const { name = "outrigger", folder = bench.folder("outrigger"), redis } = options;
  const token = randomBytes(24).toString("base64url");
  const file = join(folder, "outrigger.yaml");
  writeFileSync(file, manifest(folder, upstreamPort, token, redis?.port ?? null));
  const { proc, proxy, admin, readyMs } = await serve(bench, name, file, options.serve);
  const ask = (method: string, path: string): Promise<Status> => askAdmin(admin, token, method, path);
  const target: AsyncTarget = {
    name,
    port: proxy,
    paths: [`/${APP}/${CAPABILITY}`],
    pid: proc.pid,
    ...(redis !== undefined && { alsoPids: [redis.pid] }),
    queues: true,
    readyMs,
    waiting: async () => waitingOf(await ask("GET", "/status")),
    pause: async () => void (await ask("POST", `/apps/${APP}/pause`)),
    async drain() {
      const from = await ask("GET", "/status");
      const jobs = waitingOf(from);
      const [before, fromMs] = [timeOf(target), performance.now()];
      await ask("POST", `/apps/${APP}/resume`);
      const to = await untilEmpty(() => ask("GET", "/status"));
      const [ms, after] = [performance.now() - fromMs, timeOf(target)];
      await target.pause();
      const arrived = to.spool.states.delivered - from.spool.states.delivered;
      if (arrived !== jobs) throw new Error(`${name} delivered ${arrived} of ${jobs} jobs`);
      return drained(jobs, ms, before, after);
    },
    stop: proc.stop,
  };
  return target;
}

/** The part of the status that is looked at here. */
export interface Status {
  readonly spool: {
    readonly states: { readonly delivered: number };
    readonly waiting: readonly { readonly app: string; readonly queued: number; readonly leased: number }[];
  };
}

/** Jobs that wait for these apps, or are under way to them. */
export function waitingOf({ spool }: Status, of: (app: string) => boolean = (app) => app === APP): number {
  return spool.waiting.filter(({ app }) => of(app)).reduce((sum, { queued, leased }) => sum + queued + leased, 0);
}

/** Asking costs the process about a millisecond, so it is asked often only when the end is near. */
const POLL_MS = { least: 10, most: 250 };
const DRAIN_LIMIT_MS = 5 * 60_000;

export async function untilEmpty(status: () => Promise<Status>, of?: (app: string) => boolean): Promise<Status> {
  const from = performance.now();
  let first: number | null = null;
  for (;;) {
    const now = await status();
    const left = waitingOf(now, of);
    if (left === 0) return now;
    const tookMs = performance.now() - from;
    if (tookMs > DRAIN_LIMIT_MS) throw new Error(`${left} jobs still wait after ${DRAIN_LIMIT_MS} ms`);
    first ??= left;
    // Half of the way to where it would be empty at this pace.
    const halfMs = left < first ? (tookMs * left) / (first - left) / 2 : POLL_MS.least;
    await sleep(Math.min(POLL_MS.most, Math.max(POLL_MS.least, halfMs)));
  }
}

export async function askAdmin(port: number, token: string, method: string, path: string): Promise<Status> {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/admin${path}`, {
    method,
    headers: { Authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(20_000),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Status;
}

/** Puts jobs for the idle app into the spool of a sidecar that does not run, and pauses that app. */
export async function fill(bench: Bench, folder: string, jobs: number): Promise<void> {
  const args = [FILL, dataDir(folder), IDLE_APP, CAPABILITY, String(jobs)];
  await bench.procs.start("fill", process.execPath, args).output(10 * 60_000);
}

function manifest(folder: string, upstreamPort: number, token: string, redisPort: number | null): string {
  const app = (name: string): string => `  ${name}:
    owner: ${name}@quiz.example
    url: "http://127.0.0.1:${upstreamPort}"
    sign: { scheme: standard-webhooks, secrets: ["whsec_${randomBytes(32).toString("base64")}"] }
    webhooks:
      ${CAPABILITY}: { path: /webhooks/answer, mode: async }
`;
  const [redis, driver] = redisPort === null ? ["", "sqlite"] : [redisLine(redisPort), "redis"];
  return `version: 1
listen: { proxy: "127.0.0.1:0", admin: "127.0.0.1:0" }
${redis}data_dir: ${JSON.stringify(dataDir(folder))}
admin: { tokens: [{ name: bench, role: operator, token: "${token}" }] }
spool: { driver: ${driver}, concurrency: ${IN_FLIGHT}, per_app: ${IN_FLIGHT}, max_jobs: 50000000, max_bytes: 50GiB }
apps:
${app(APP)}${app(IDLE_APP)}`;
}
