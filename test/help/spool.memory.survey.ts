import type { Clock } from "../../src/core/clock.ts";
import { type DeadReason, type JobState, OWN_APP } from "../../src/core/job.ts";
import type { RouteSurvey, Survey } from "../../src/spool/port.ts";
import { isBehind, isWaiting, laneOf, type Row } from "./spool.memory.row.ts";

interface About extends Pick<Survey, "bytes" | "full" | "maxJobs" | "maxBytes"> {
  readonly clock: Clock;
}

/** Counted anew each time, which no spool for production may do. */
export function surveyOf(rows: readonly Row[], { clock, ...bounds }: About): Survey {
  const waiting = rows.filter((row) => isWaiting(row) && row.job.app !== OWN_APP);
  const inState = (state: JobState): number => rows.filter((row) => row.state === state).length;
  return {
    ...bounds,
    states: {
      queued: inState("queued"),
      leased: inState("leased"),
      verifying: inState("verifying"),
      delivered: inState("delivered"),
      dead: inState("dead"),
      cancelled: inState("cancelled"),
    },
    routes: routesOf(rows),
    oldestAgeMs: waiting.length === 0 ? null : clock.now() - Math.min(...waiting.map((row) => row.acceptedAt)),
  };
}

function routesOf(rows: readonly Row[]): RouteSurvey[] {
  const byName = Map.groupBy(rows, ({ job }) => `${job.app}/${job.capability}`);
  return [...byName.values()].map((own) => {
    const { app, capability } = (own[0] as Row).job;
    const queued = own.filter((row) => row.state === "queued");
    const free = queued.filter((row) => !isBehind(row, own));
    const dead: Partial<Record<DeadReason, number>> = {};
    for (const { reason } of own) if (reason !== null) dead[reason] = (dead[reason] ?? 0) + 1;
    return {
      app,
      capability,
      first: free.filter((row) => laneOf(row) === "first").length,
      retry: free.filter((row) => laneOf(row) === "retry").length,
      behind: queued.length - free.length,
      leased: own.filter((row) => row.state === "leased").length,
      verifying: own.filter((row) => row.state === "verifying").length,
      dead,
    };
  });
}
