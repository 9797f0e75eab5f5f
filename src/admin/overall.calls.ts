import type { CallScope, CallSeries } from "../core/calls.ts";
import { type HealthReason, ofService } from "./overall.reason.ts";
import type { AdminServices } from "./services.ts";

/** What the last minutes of the history say about how well all is. */

const STEP_MS = 5 * 60_000;
const WINDOW_MS = 15 * 60_000;
/** Fewer calls say little. */
const FEWEST = 20;
/** Of an app; and of all calls together, where it is the service that fails its callers. */
const LOW = 0.9;
const VERY_LOW = 0.5;

export async function byCalls({ calls, clock, routes }: AdminServices): Promise<HealthReason[]> {
  const apps = [...new Set(routes().map(({ app }) => app))];
  const scopes = [{ app: null, capability: null }, ...apps.map((app): CallScope => ({ app, capability: null }))];
  const wall = clock.wall();
  let found: readonly CallSeries[];
  try {
    found = await calls.series(scopes, { fromMs: wall - WINDOW_MS, toMs: wall + 1, stepMs: STEP_MS });
  } catch {
    return [ofService("storage_failing", "The history does not answer: what happened lately is not known.")];
  }
  const [all, ...byApp] = found;
  return [...byApp.flatMap(ofApp), ...(all === undefined ? [] : ofAll(all))];
}

function ofApp({ app, total }: CallSeries): HealthReason[] {
  const reasons: HealthReason[] = [];
  const say = (code: HealthReason["code"], message: string): void => {
    reasons.push({ code, severity: "degraded", app, capability: null, message });
  };
  if (total.judged >= FEWEST && total.successRate !== null && total.successRate < LOW) {
    const { judged, success } = total;
    say(
      "low_success",
      `Of ${judged} calls of app ${app} in the last minutes, ${success} succeeded (${percent(success / judged)} %).`,
    );
  }
  if (total.dead > 0) {
    const jobs = total.dead === 1 ? "1 job" : `${total.dead} jobs`;
    say("dlq_growing", `${jobs} of app ${app} went to the dead-letter queue in the last minutes.`);
  }
  return reasons;
}

function ofAll({ total: { judged, success, successRate } }: CallSeries): HealthReason[] {
  if (judged < FEWEST || successRate === null || successRate >= VERY_LOW) return [];
  const message = `Of ${judged} calls in the last minutes, ${success} succeeded (${percent(successRate)} %).`;
  return [ofService("low_success", message)];
}

function percent(part: number): number {
  return Math.floor(part * 1000) / 10;
}
