import type { ProbeReport } from "../core/health.ts";

/**
 * What is counted of one upstream between two moves of traffic. It changes with every try, so it is changed in place
 * and its size is fixed: ten buckets however many calls come. Times are monotonic milliseconds.
 */
export interface Tally {
  readonly bucketMs: number;
  /** Number of the newest bucket since time began. */
  bucket: number;
  total: number;
  bad: number;
  sumMs: number;
  readonly totals: Float64Array;
  readonly bads: Float64Array;
  readonly sums: Float64Array;
  /** Of live tries. */
  consecutive: number;
  /** There were live tries since the newest probe. */
  called: boolean;
  probeFailures: number;
  probeSuccesses: number;
  degraded: boolean;
  /** Another replica finds it unwell. */
  objected: boolean;
  /** The first failure of the row that goes on; null while all is well. */
  troubleSince: number | null;
}

/** The same as a value, which the machine judges. */
export interface Signs {
  /** Live tries that failed in a row. */
  readonly consecutive: number;
  /** Probes that failed, and that were good, in a row. */
  readonly probeFailures: number;
  readonly probeSuccesses: number;
  /** The newest probe said so. */
  readonly degraded: boolean;
  /** Another replica finds it unwell. */
  readonly objected: boolean;
  /** Synchronous calls and probes since the last move, within the window. */
  readonly total: number;
  readonly bad: number;
  /** Their mean; 0 for none. */
  readonly meanMs: number;
}

const BUCKETS = 10;

/** An empty tally, whose window of `windowMs` is slid over in tenths. */
export function createTally(windowMs: number, now: number): Tally {
  const bucketMs = windowMs / BUCKETS;
  return {
    bucketMs,
    bucket: Math.floor(now / bucketMs),
    total: 0,
    bad: 0,
    sumMs: 0,
    totals: new Float64Array(BUCKETS),
    bads: new Float64Array(BUCKETS),
    sums: new Float64Array(BUCKETS),
    consecutive: 0,
    called: false,
    probeFailures: 0,
    probeSuccesses: 0,
    degraded: false,
    objected: false,
    troubleSince: null,
  };
}

/** Counts a live try. `ms` is null for one of an asynchronous job, whose time nobody waits for. */
export function countTry(tally: Tally, good: boolean, ms: number | null, now: number): void {
  tally.called = true;
  if (good) {
    tally.consecutive = 0;
    if (tally.probeFailures === 0) tally.troubleSince = null;
  } else {
    tally.consecutive++;
    tally.troubleSince ??= now - (ms ?? 0);
  }
  if (ms !== null) add(tally, good, ms, now);
}

/**
 * Counts a probe. One that was answered without learning anything (`unknown`) is as good as a good one. When an
 * upstream answers again after it was `unhealthyAfter` times silent, what it did before says nothing of it now.
 */
export function countProbe(tally: Tally, report: ProbeReport, unhealthyAfter: number, now: number): void {
  const good = isGood(report);
  tally.called = false;
  if (good && tally.probeFailures >= unhealthyAfter) forget(tally);
  tally.probeFailures = good ? 0 : tally.probeFailures + 1;
  tally.probeSuccesses = good ? tally.probeSuccesses + 1 : 0;
  tally.degraded = report.status === "degraded";
  if (!good) tally.troubleSince ??= now - report.durationMs;
  else if (tally.consecutive === 0) tally.troubleSince = null;
  add(tally, good, report.durationMs, now);
}

/** A live try showed that its newest probes failed for nothing, or for what is over: their row ends. */
export function endProbeFailures(tally: Tally): void {
  tally.probeFailures = 0;
  tally.troubleSince = null;
}

/** A good answer turned out not to be: one more failure of the window, which took as long as others. */
export function countUndone(tally: Tally, now: number): void {
  slide(tally, now);
  add(tally, false, tally.total === 0 ? 0 : tally.sumMs / tally.total, now);
}

/** May traffic go to an upstream of which a probe says this? */
export function isGood({ status, answered }: ProbeReport): boolean {
  return status === "healthy" || status === "degraded" || (status === "unknown" && answered);
}

/** Empties the window: what follows is judged by itself. */
function forget(tally: Tally): void {
  tally.total = 0;
  tally.bad = 0;
  tally.sumMs = 0;
  tally.totals.fill(0);
  tally.bads.fill(0);
  tally.sums.fill(0);
}

/** The same with another window: what is in a row goes on, what was counted in the old one does not. */
export function resized(tally: Tally, windowMs: number, now: number): Tally {
  const { consecutive, called, probeFailures, probeSuccesses, degraded, objected, troubleSince } = tally;
  const kept = { consecutive, called, probeFailures, probeSuccesses, degraded, objected, troubleSince };
  return Object.assign(createTally(windowMs, now), kept);
}

/** Traffic left: good probes from before its trouble say nothing of how it will be. */
export function leave(tally: Tally): void {
  forget(tally);
  tally.probeSuccesses = 0;
}

/** Another period begins, in which traffic may come: failures of the last one are no part of it. */
export function begin(tally: Tally): void {
  forget(tally);
  tally.consecutive = 0;
  tally.troubleSince = null;
}

export function signsOf(tally: Tally, now: number): Signs {
  slide(tally, now);
  const { consecutive, probeFailures, probeSuccesses, degraded, objected, total, bad, sumMs } = tally;
  const meanMs = total === 0 ? 0 : sumMs / total;
  return { consecutive, probeFailures, probeSuccesses, degraded, objected, total, bad, meanMs };
}

function add(tally: Tally, good: boolean, ms: number, now: number): void {
  slide(tally, now);
  const i = tally.bucket % BUCKETS;
  tally.totals[i] = (tally.totals[i] as number) + 1;
  tally.sums[i] = (tally.sums[i] as number) + ms;
  tally.total++;
  tally.sumMs += ms;
  if (good) return;
  tally.bads[i] = (tally.bads[i] as number) + 1;
  tally.bad++;
}

function slide(tally: Tally, now: number): void {
  const bucket = Math.floor(now / tally.bucketMs);
  if (bucket <= tally.bucket) return;
  const gone = Math.min(bucket - tally.bucket, BUCKETS);
  for (let k = 1; k <= gone; k++) {
    const i = (tally.bucket + k) % BUCKETS;
    tally.total -= tally.totals[i] as number;
    tally.bad -= tally.bads[i] as number;
    tally.sumMs -= tally.sums[i] as number;
    tally.totals[i] = 0;
    tally.bads[i] = 0;
    tally.sums[i] = 0;
  }
  // Sums of fractions leave a remainder.
  if (tally.total === 0) tally.sumMs = 0;
  tally.bucket = bucket;
}
