import type { CallPoint, CallScope, CallSeries } from "../core/calls.ts";
import { type HealthReason, ofService } from "./overall.reason.ts";
import type { AdminServices } from "./services.ts";

/** What the last minutes of the history say about how well all is now. */

const MINUTE_MS = 60_000;
const STEP_MS = 5 * MINUTE_MS;
const WINDOW_MS = 15 * MINUTE_MS;
/** Fewer calls say little: where the newest minutes have no more, older ones are looked at, too. */
const FEWEST = 20;
/** The minute that goes on may have just begun. */
const FEWEST_MINUTES = 2;
/** Of an app; and of all calls together, where it is the service that fails its callers. */
const LOW = 0.9;
const VERY_LOW = 0.5;

/** `dead`: how many dead letters each app has now; null while nobody can say. */
export async function byCalls(
  { calls, clock, routes }: AdminServices,
  dead: ReadonlyMap<string, number> | null,
): Promise<HealthReason[]> {
  const apps = [...new Set(routes().map(({ app }) => app))];
  const scopes = [{ app: null, capability: null }, ...apps.map((app): CallScope => ({ app, capability: null }))];
  const wall = clock.wall();
  const range = { fromMs: wall - WINDOW_MS, toMs: wall + 1 };
  let found: readonly CallSeries[];
  let byMinute: readonly CallSeries[];
  try {
    found = await calls.series(scopes, { ...range, stepMs: STEP_MS });
    // Minutes cost more, and few have any trouble.
    byMinute = await calls.series(found.filter(isDoubtful), { ...range, stepMs: MINUTE_MS });
  } catch {
    return [ofService("storage_failing", "The history does not answer: what happened lately is not known.")];
  }
  return [
    ...byMinute.flatMap((series) => (series.app === null ? ofAll(series) : ofApp(series))),
    ...found.flatMap((series) => (series.app === null ? [] : ofDead(series, dead))),
  ];
}

/**
 * May its newest minutes be low? They are in its newest steps, whose other minutes can have been so well that those do
 * not look low: so what counts is how many failed there. Of so few nothing can be low.
 */
function isDoubtful({ points }: CallSeries): boolean {
  const { judged, success } = newest(points);
  return judged - success > FEWEST - FEWEST * LOW;
}

function ofApp({ app, points }: CallSeries): HealthReason[] {
  const { judged, success } = newest(points);
  if (judged < FEWEST || success / judged >= LOW) return [];
  const share = `${success} succeeded (${percent(success / judged)} %)`;
  return [ofOne("low_success", app, `Of ${judged} calls of app ${app} in the last minutes, ${share}.`)];
}

/** Those that were retried well, or deleted, are nobody's trouble any more. */
function ofDead({ app, total }: CallSeries, dead: ReadonlyMap<string, number> | null): HealthReason[] {
  const now = dead === null ? null : (dead.get(app ?? "") ?? 0);
  if (total.dead === 0 || now === 0) return [];
  const jobs = total.dead === 1 ? "1 job" : `${total.dead} jobs`;
  const has = now === null ? "" : `; it has ${now} there now`;
  return [ofOne("dlq_growing", app, `${jobs} of app ${app} went to the dead-letter queue in the last minutes${has}.`)];
}

function ofOne(code: HealthReason["code"], app: string | null, message: string): HealthReason {
  return { code, severity: "degraded", app, capability: null, message };
}

function ofAll({ points }: CallSeries): HealthReason[] {
  const { judged, success } = newest(points);
  if (judged < FEWEST || success / judged >= VERY_LOW) return [];
  const message = `Of ${judged} calls in the last minutes, ${success} succeeded (${percent(success / judged)} %).`;
  return [ofService("low_success", message)];
}

/** The newest calls that say something: what was mended is not told of for longer than it takes to see that it was. */
function newest(points: readonly CallPoint[]): { readonly judged: number; readonly success: number } {
  let judged = 0;
  let success = 0;
  for (const [i, point] of points.toReversed().entries()) {
    if (i >= FEWEST_MINUTES && judged >= FEWEST) break;
    judged += point.judged;
    success += point.success;
  }
  return { judged, success };
}

function percent(part: number): number {
  return Math.floor(part * 1000) / 10;
}
