import { quantile } from "./statistics.ts";

/** What a failover cost: the faults, what was seen of each request, and the figures made of that. */

/** The same for all who are measured. */
export const SETTINGS = {
  /** After this a caller has given up, and so has every proxy. */
  timeoutMs: 10_000,
  connectMs: 1_000,
  /**
   * What Outrigger gives a first try here: the 10 s less the longest backoff, shared by the two tries of `attempts` and
   * the upstream that is still left. The others know no total and are told this.
   */
  tryMs: 3_300,
} as const;

/** What happens to the primary, by a signal to its process. */
export interface Fault {
  readonly name: string;
  readonly signal: NodeJS.Signals;
}

export const FAULTS: readonly Fault[] = [
  // Its port refuses from then on.
  { name: "killed", signal: "SIGKILL" },
  // The kernel goes on accepting connections and bytes for it, and nobody answers.
  { name: "stopped", signal: "SIGSTOP" },
  // To everything, its health check too: the app's own answer to this signal.
  { name: "answers 500", signal: "SIGUSR2" },
];

export type Role = "primary" | "backup";

/** Names the upstream that answered. Proxies pass it on; an answer without it is the proxy's own. */
export const FROM_HEADER = "x-bench-from";
/** A request's own number, kept on every try. */
export const ID_HEADER = "x-bench-id";

/** One request as its caller saw it. Times since the start of the run. */
export interface Sample {
  /** When it should have left. */
  readonly dueMs: number;
  readonly endMs: number;
  /** Null: no whole answer; `why` says why. */
  readonly status: number | null;
  readonly from: Role | null;
  readonly why: string | null;
}

/** What the client's process is told. */
export interface FailoverLoad {
  readonly port: number;
  readonly path: string;
  readonly body: string;
  readonly rate: number;
  readonly seconds: number;
  readonly timeoutMs: number;
  readonly fault: { readonly pid: number; readonly signal: NodeJS.Signals; readonly atMs: number };
  /** Where the samples go: there are more than a line holds. */
  readonly file: string;
}

/** What it says. */
export interface FailoverSaid {
  readonly faultMs: number;
  /** How late the client itself was at worst: it is part of the times. */
  readonly lateMs: number;
}

export interface FailoverFigures {
  readonly requests: number;
  /** No answer in time, or one of 500 and above. */
  readonly failed: number;
  /** What they were, counted, as in `3 × status 502`. */
  readonly failures: readonly string[];
  readonly slow: number;
  /** From the fault until the backup answered; null: it did not take over. */
  readonly movedMs: number | null;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const SLOW_MS = 1_000;
/** So many answers in a row from the backup are a failover, even if a straggler of the primary comes later. */
const ROW = 100;

export function failoverFigures(samples: readonly Sample[], faultMs: number): FailoverFigures {
  const times = samples.map(({ dueMs, endMs }) => endMs - dueMs).toSorted((a, b) => a - b);
  const failed = samples.filter(({ status }) => status === null || status >= 500);
  const failures = new Map<string, number>();
  for (const { status, why } of failed) {
    const what = status === null ? (why ?? "no answer") : `status ${status}`;
    failures.set(what, (failures.get(what) ?? 0) + 1);
  }
  return {
    requests: samples.length,
    failed: failed.length,
    failures: [...failures].map(([what, count]) => `${count} × ${what}`),
    slow: times.filter((ms) => ms > SLOW_MS).length,
    movedMs: movedAfter(samples, faultMs),
    p99Ms: quantile(times, 0.99),
    maxMs: quantile(times, 1),
  };
}

/**
 * Until the first of {@link ROW} answers in a row of the backup's, or the first after which no more come from the
 * primary. Only answers of an upstream say where the load goes; what failed on the way is counted as failed.
 */
function movedAfter(samples: readonly Sample[], faultMs: number): number | null {
  const answers = samples
    .filter(({ from, endMs }) => from !== null && endMs > faultMs)
    .toSorted((a, b) => a.endMs - b.endMs);
  let first: Sample | null = null;
  let row = 0;
  for (const answer of answers) {
    if (answer.from === "primary") {
      first = null;
      row = 0;
      continue;
    }
    first ??= answer;
    row++;
    if (row === ROW) break;
  }
  return first === null ? null : first.endMs - faultMs;
}

/** How many requests reached both upstreams: what an app without a check for repeats would have done twice. */
export function reachedBoth(primary: readonly string[], backup: readonly string[]): number {
  const seen = new Set(primary);
  return new Set(backup.filter((id) => seen.has(id))).size;
}
