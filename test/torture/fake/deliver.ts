import { Agent, request } from "node:http";
import type { Random } from "../../../src/core/random.ts";
import type { FakeJob, FakeStore } from "./store.ts";

/** What a broken fake does. */
export const BUGS = ["none", "forget", "disorder", "repeat", "mix"] as const;
export type Bug = (typeof BUGS)[number];

const SLOTS = 16;
const TIMEOUT_MS = 2_500;
const AGAIN_MS = 300;
/** A bug that is left to chance is one day not seen: every so many jobs show it. */
const BUG_EVERY = 10;
/** How long one that is to be overtaken waits for the next of its key. */
const HOLD_MS = 1_000;
/** And how far it then stays behind. */
const BEHIND_MS = 50;

/** Sends jobs until they end: in order within a key, and again when the app fails. */
export interface Deliverer {
  add(job: FakeJob): void;
}

export function createDeliverer(
  store: FakeStore,
  app: { readonly url: string; readonly life: string },
  bug: Bug,
  random: Random,
): Deliverer {
  const agent = new Agent({ keepAlive: true, maxSockets: SLOTS });
  const due: { readonly job: FakeJob; readonly attempt: number }[] = [];
  /** By key, the one that is under way first. */
  const behind = new Map<string, FakeJob[]>();
  let busy = 0;
  let another: FakeJob | null = null;
  let sent = 0;
  let answered = 0;
  /** By key, the one that the next of that key is to overtake. */
  const held = new Map<string, { readonly job: FakeJob; readonly timer: NodeJS.Timeout }>();

  function pump(): void {
    for (; busy < SLOTS; busy++) {
      const next = due.shift();
      if (next === undefined) return;
      void attempt(next.job, next.attempt).finally(() => {
        busy--;
        pump();
      });
    }
  }

  function push(job: FakeJob, attempt: number): void {
    due.push({ job, attempt });
    pump();
  }

  async function attempt(job: FakeJob, n: number): Promise<void> {
    const body = bug === "mix" && another !== null && ++sent % BUG_EVERY === 0 ? another.body : job.body;
    another = job;
    const { status, retryAfterMs } = await send(job, body, n);
    const ended = (status >= 200 && status < 300) || status === 400;
    if (!ended) return void setTimeout(push, Math.max(retryAfterMs, random.float() * AGAIN_MS), job, n + 1);
    if (bug === "repeat" && ++answered % BUG_EVERY === 0) push(job, n + 1);
    await settle(job, status === 400 ? "dead" : "delivered");
    const line = job.key === null ? undefined : behind.get(job.key);
    line?.shift();
    if (line?.[0]) push(line[0], 0);
  }

  async function settle(job: FakeJob, state: "dead" | "delivered"): Promise<void> {
    for (;;) {
      try {
        return await store.end({ id: job.id, state });
      } catch {
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }

  function send(job: FakeJob, body: string, n: number): Promise<{ status: number; retryAfterMs: number }> {
    const headers = { ...job.headers, "X-Request-ID": job.id, "X-Retry-Attempt": String(n), "X-Life": app.life };
    return new Promise((resolve) => {
      const url = `${app.url}/${job.route}`;
      const req = request(url, {
        agent,
        method: "POST",
        headers,
        timeout: TIMEOUT_MS,
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      req.on("error", () => {});
      req.on("response", (res) => {
        res.on("error", () => {});
        res.resume().on("end", () => {
          if (!res.complete) return;
          const retryAfterMs = Number(res.headers["retry-after"] ?? 0) * 1_000;
          resolve({ status: res.statusCode ?? 0, retryAfterMs });
        });
      });
      req.on("close", () => resolve({ status: 0, retryAfterMs: 0 }));
      req.end(Buffer.from(body, "base64"));
    });
  }

  function swap(key: string, job: FakeJob): void {
    const first = held.get(key);
    if (first === undefined) {
      const timer = setTimeout(() => {
        held.delete(key);
        push(job, 0);
      }, HOLD_MS);
      return void held.set(key, { job, timer });
    }
    clearTimeout(first.timer);
    held.delete(key);
    push(job, 0);
    setTimeout(push, BEHIND_MS, first.job, 0);
  }

  return {
    add(job) {
      if (job.key === null) return push(job, 0);
      if (bug === "disorder") return swap(job.key, job);
      const line = behind.get(job.key) ?? [];
      behind.set(job.key, line);
      if (line.push(job) === 1) push(job, 0);
    },
  };
}
