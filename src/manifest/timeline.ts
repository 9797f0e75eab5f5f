import { FALLBACK_GRACE_MS } from "../core/exchange.ts";
import type { RetrySettings, RouteSettings } from "../core/settings.route.ts";

/** One try of the worst case, in milliseconds from the request's start (for async: from the job's). */
export interface TimelineTry {
  /** From 1. */
  readonly attempt: number;
  readonly startsAtMs: number;
  /** The longest it may take. */
  readonly upToMs: number;
  /** The longest wait before it; 0 for the first, and for a move to another upstream. */
  readonly waitMs: number;
}

/** What a request can cost at worst: every try runs into its limit, every wait is the longest. */
export interface Timeline {
  readonly tries: readonly TimelineTry[];
  /** When the last try has ended. */
  readonly triesEndMs: number;
  /** When the caller has an answer at the latest; null where nobody waits, as on async routes. */
  readonly answeredByMs: number | null;
  /** Why there are no more tries, where the manifest would allow them. */
  readonly note: string | null;
}

const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

/** What an app needs to start again, with some room. */
export const RESTART_MS = 60_000;

/** A schedule that outlasts a restart of the app, and a short fault of its machine: up to 18 minutes. */
export const PATIENT_RETRY = "retry: { attempts: 12, max: 5m }";

/** An app that is down refuses at once: then the tries are as far apart as the waits between them, and no more. */
export function spreadOf({ tries }: Pick<Timeline, "tries">): number {
  return tries.reduce((sum, { waitMs }) => sum + waitMs, 0);
}

export function timelineOf(route: RouteSettings, method: string): Timeline {
  if (route.mode === "async") return asyncTimeline(route);
  const { timeoutMs } = route;
  const answeredByMs = route.mode === "sync" ? timeoutMs + FALLBACK_GRACE_MS : null;
  const repeatable = route.retry.repeat === "always" || IDEMPOTENT.has(method.toUpperCase());
  if (route.mode === "passthrough" || !repeatable || !route.retry.transient.includes("timeout")) {
    const upToMs = Math.min(route.attemptTimeoutMs ?? timeoutMs, timeoutMs);
    const note =
      route.mode === "sync" && !repeatable
        ? `a ${method} that was sent is not repeated (retry.repeat: safe), unless the caller sent an idempotency key`
        : null;
    return { tries: [{ attempt: 1, startsAtMs: 0, upToMs, waitMs: 0 }], triesEndMs: upToMs, answeredByMs, note };
  }
  return { ...syncTries(route), answeredByMs, note: null };
}

/** First each upstream once, without waiting; then the repeats. What time is left, less waits to come, is shared. */
function syncTries(route: RouteSettings): { tries: TimelineTry[]; triesEndMs: number } {
  const { retry, timeoutMs } = route;
  const moves = route.upstreams.length - 1;
  const waits = [...Array.from({ length: moves + 1 }, () => 0), ...backoffs(retry)];
  const tries: TimelineTry[] = [];
  let now = 0;
  for (const [i, waitMs] of waits.entries()) {
    now += waitMs;
    const coming = waits.slice(i + 1).reduce((sum, wait) => sum + wait, 0);
    const share = (timeoutMs - now - coming) / (waits.length - i);
    const upToMs = Math.round(Math.min(share, route.attemptTimeoutMs ?? share));
    tries.push({ attempt: i + 1, startsAtMs: Math.round(now), upToMs, waitMs: Math.round(waitMs) });
    now += upToMs;
  }
  return { tries, triesEndMs: Math.round(now) };
}

function asyncTimeline(route: RouteSettings): Timeline {
  const upToMs = Math.min(route.attemptTimeoutMs ?? route.timeoutMs, route.timeoutMs);
  const tries: TimelineTry[] = [];
  let now = 0;
  for (const [i, waitMs] of [0, ...backoffs(route.retry)].entries()) {
    now += waitMs;
    if (now >= route.retry.maxAgeMs)
      return { tries, triesEndMs: route.retry.maxAgeMs, answeredByMs: null, note: "max_age ends the tries" };
    tries.push({ attempt: i + 1, startsAtMs: now, upToMs, waitMs });
    now += upToMs;
  }
  return { tries, triesEndMs: now, answeredByMs: null, note: null };
}

function backoffs({ attempts, initialMs, maxMs, factor }: RetrySettings): number[] {
  return Array.from({ length: attempts - 1 }, (_, i) => Math.min(maxMs, initialMs * factor ** i));
}
