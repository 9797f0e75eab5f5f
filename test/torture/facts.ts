import { readFileSync } from "node:fs";

/** What is known of a run, whoever saw it: the verdict needs nothing else. Times are of {@link machineMs}. */

/** Only these are promised anything: a whole 202 with an id. */
export interface Ack {
  readonly id: string;
  readonly route: string;
  /** Which request it was: no two have the same. */
  readonly number: number;
  /** Null on the route without order. */
  readonly key: string | null;
  /** Within its key; -1 without one. */
  readonly seq: number;
  readonly at: number;
}

/**
 * What became of one request at the app. `good`: a whole 2xx. `refused`: 400. `failed`: 500. `busy`: 503 with
 * Retry-After. `cut`: reset in the midst of a 200. `reset`: without a byte. `hung`: never answered, until the sidecar
 * left. `left`: the sidecar was gone before the answer.
 */
export type VisitEnd = "good" | "refused" | "failed" | "busy" | "cut" | "reset" | "hung" | "left";

export interface Visit {
  /** X-Request-ID. */
  readonly id: string;
  readonly route: string;
  readonly number: number;
  readonly key: string | null;
  readonly seq: number;
  /** Which start of the sidecar sent it. */
  readonly life: number;
  /** X-Retry-Attempt. */
  readonly attempt: number;
  readonly arrivedAt: number;
  /** Taken before the answer is given: what the sidecar does because of the answer comes later. */
  readonly endedAt: number;
  readonly end: VisitEnd;
  /** The body had the hash that its sender took of it. */
  readonly whole: boolean;
}

export interface Dead {
  readonly id: string;
  readonly reason: string;
}

/** One start of a sidecar, from 1; of several no two have the same. */
export interface Life {
  readonly n: number;
  /** Which sidecar, where there are several. */
  readonly replica?: number;
  /** When it was killed or ended; infinite while it lives. */
  readonly endedAt: number;
}

/** A time in which the sidecar could not write. */
export interface Outage {
  readonly kind: "disk" | "thread" | "redis" | "cut";
  /** Only this one could not. */
  readonly replica?: number;
  readonly from: number;
  readonly to: number;
}

export interface Facts {
  readonly acks: readonly Ack[];
  readonly visits: readonly Visit[];
  readonly dead: readonly Dead[];
  readonly lives: readonly Life[];
  readonly outages: readonly Outage[];
}

/** Monotonic milliseconds with fractions, the same in every process of this machine. */
export function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** These the app answers 400, always. */
export function isRefused(number: number): boolean {
  return number % 97 === 13;
}

/** Facts as a program wrote them, one a line. */
export function readFacts<T>(file: string): T[] {
  const lines = readFileSync(file, "utf8").split("\n").filter(Boolean);
  return lines.map((line) => JSON.parse(line) as T);
}
