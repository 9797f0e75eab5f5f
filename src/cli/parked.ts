import type { JobSummaryView } from "../admin/jobs.ts";
import { breakerSchema } from "../admin/routes/breakers.ts";
import { statusSchema } from "../admin/routes/status.ts";
import type { SpoolView } from "../admin/spool.ts";
import type { Client } from "./client.ts";

/** Why deliveries wait although they are due. Where that can't be asked nothing is said: the rest is good without it. */

type Parked = NonNullable<SpoolView["waiting"][number]["parked"]>;

/** By `app/capability`, the routes whose jobs wait. */
export async function parkedRoutes(client: Client): Promise<ReadonlyMap<string, Parked>> {
  const status = await client.get("/status", statusSchema);
  const routes = status.ok ? (status.value.spool?.waiting ?? []) : [];
  return new Map(
    routes.flatMap(({ app, capability, parked }) => (parked === null ? [] : [[`${app}/${capability}`, parked]])),
  );
}

/** Of one delivery, as in `breaker_open since …, until … at least`; null where it does not wait for that. */
export async function parkedText(client: Client, job: JobSummaryView): Promise<string | null> {
  if (job.state !== "queued") return null;
  const { app, capability } = job;
  const parked = (await parkedRoutes(client)).get(`${app}/${capability}`);
  if (parked === undefined) return null;
  const { cause, since, by } = parked;
  const until = cause === "breaker_open" ? await trialAt(client, app, capability) : null;
  return `${cause}${by === null ? "" : ` by ${by}`} since ${since}${until === null ? "" : `, until ${until} at least`}`;
}

/** When the first breaker of the route lets a trial through; null where that is not known. */
async function trialAt(client: Client, app: string, capability: string): Promise<string | null> {
  const of = `${encodeURIComponent(app)}/${encodeURIComponent(capability)}`;
  const breakers = await client.get(`/circuit-breaker/${of}`, breakerSchema);
  const times = breakers.ok ? breakers.value.upstreams.flatMap(({ until }) => until ?? []) : [];
  return times.sort()[0] ?? null;
}
