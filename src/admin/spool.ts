import { z } from "@hono/zod-openapi";
import { timeText } from "../core/event.record.ts";
import type { JobState } from "../core/job.ts";
import { DeliveriesAway, type DeliveryService, type SpoolRouteInfo } from "./services.ts";
import { timeSchema } from "./wire.ts";

/** The spool at a glance: a part of the service's status. */

/** Whoever has more routes than this looks at them by app; those that want an operator come first. */
const MAX_ROUTES = 200;

const CAUSES = ["paused", "gone", "breaker_open", "no_route"] as const;

export const spoolSchema = z
  .object({
    states: z.object({
      queued: z.int(),
      leased: z.int(),
      verifying: z.int(),
      delivered: z.int(),
      dead: z.int(),
      cancelled: z.int(),
    } satisfies Record<JobState, z.ZodType>),
    bytes: z.int(),
    max_bytes: z.int(),
    max_jobs: z.int(),
    full: z.enum(["jobs", "bytes"]).nullable().openapi({ description: "Which bound is reached, if one is." }),
    oldest_age_ms: z.int().nullable().openapi({ description: "Of what has not ended; null where nothing waits." }),
    waiting: z
      .array(
        z.object({
          app: z.string(),
          capability: z.string(),
          queued: z.int(),
          leased: z.int(),
          verifying: z.int(),
          dead: z.int(),
          parked: z
            .object({ cause: z.enum(CAUSES), since: timeSchema, by: z.string().nullable() })
            .nullable()
            .openapi({ description: "Why its jobs wait although they are due. `no_route`: no manifest has it." }),
        }),
      )
      .openapi({ description: "Routes with jobs, and parked ones: those first, then by their number of jobs." }),
    waiting_total: z.int().openapi({ description: `How many such routes there are: at most ${MAX_ROUTES} are named.` }),
  })
  .openapi("Spool");
export type SpoolView = z.infer<typeof spoolSchema>;

/** Null while the spool does not answer: the rest of the status is wanted then more than ever. */
export async function spoolView(deliveries: DeliveryService): Promise<SpoolView | null> {
  try {
    const { states, bytes, maxBytes, maxJobs, full, oldestAgeMs, routes } = await deliveries.survey();
    const waiting = routes.filter((route) => route.parked !== null || jobsOf(route) > 0).sort(byWorry);
    return {
      states: { ...states },
      bytes,
      max_bytes: maxBytes,
      max_jobs: maxJobs,
      full,
      oldest_age_ms: oldestAgeMs === null ? null : Math.round(oldestAgeMs),
      waiting: waiting.slice(0, MAX_ROUTES).map(({ app, capability, queued, leased, verifying, dead, parked }) => ({
        app,
        capability,
        queued,
        leased,
        verifying,
        dead,
        parked: parked && { cause: parked.cause, since: timeText(parked.since), by: parked.by },
      })),
      waiting_total: waiting.length,
    };
  } catch (error) {
    if (error instanceof DeliveriesAway) return null;
    throw error;
  }
}

function jobsOf({ queued, leased, verifying, dead }: SpoolRouteInfo): number {
  return queued + leased + verifying + dead;
}

function byWorry(a: SpoolRouteInfo, b: SpoolRouteInfo): number {
  const parked = Number(b.parked !== null) - Number(a.parked !== null);
  if (parked !== 0) return parked;
  const jobs = jobsOf(b) - jobsOf(a);
  if (jobs !== 0) return jobs;
  return a.app < b.app || (a.app === b.app && a.capability < b.capability) ? -1 : 1;
}
