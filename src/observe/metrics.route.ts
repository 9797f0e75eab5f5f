import type { RequestCompleted } from "../core/events.ts";
import type { Attempt, RouteRef, Worth } from "../core/exchange.ts";
import type { Outcome } from "../core/outcome.ts";
import type { Families } from "./metrics.families.ts";
import { type Count, observe, type Sample } from "./metrics.family.ts";

/**
 * The series of one route, looked up once: recording a request then costs a few additions. `upstreams` bounds the labels; null allows any, as before the first manifest.
 */
export interface RouteSeries {
  completed(event: RequestCompleted): void;
  attempted(attempt: Attempt): void;
}

interface UpstreamSeries {
  readonly duration: Sample;
  readonly byResult: Partial<Record<Worth, Count>>;
}

export function createRouteSeries(
  families: Families,
  route: RouteRef,
  upstreams: ReadonlySet<string> | null,
): RouteSeries {
  const { app, capability, mode } = route;
  const duration = families.duration.child({ app, capability });
  const byOutcome: Partial<Record<Outcome, Count>> = {};
  const byUpstream = new Map<string, UpstreamSeries>();

  const attempted = (attempt: Attempt): void => {
    const { upstream, worth } = attempt;
    let own = byUpstream.get(upstream);
    if (own === undefined) {
      // Only a request begun under an older manifest can name an upstream that this one does not.
      if (upstreams !== null && !upstreams.has(upstream)) return;
      own = { duration: families.attemptDuration.child({ app, upstream }), byResult: {} };
      byUpstream.set(upstream, own);
    }
    own.byResult[worth] ??= families.attempts.child({ app, capability, upstream, result: worth });
    own.byResult[worth].value++;
    observe(own.duration, attempt.durationMs / 1000);
  };
  return {
    attempted,
    completed(event) {
      const { outcome } = event;
      byOutcome[outcome] ??= families.requests.child({ app, capability, mode, outcome });
      byOutcome[outcome].value++;
      observe(duration, event.durationMs / 1000);
      for (const attempt of event.attempts) attempted(attempt);
      // Rare from here on: looked up each time.
      for (const reason of event.retries) families.retries.child({ app, capability, reason }).value++;
      if (event.denied !== null) families.denied.child({ app, capability, reason: event.denied }).value++;
      if (outcome === "rejected") families.rejected.child({ app, reason: event.reason ?? "refused" }).value++;
    },
  };
}
