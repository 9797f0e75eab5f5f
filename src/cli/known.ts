import { appHealthSchema } from "../admin/health.ts";
import { jobSummarySchema } from "../admin/jobs.ts";
import type { Client } from "./client.ts";
import type { Failure } from "./target.ts";

/**
 * Refuses an app that neither the manifest nor the spool knows, since nothing of it is no news; in the words of
 * `outrigger apps`. Null where it is known, or where that can't be asked.
 */
export async function refuseUnknown(client: Client, app: string): Promise<Failure | null> {
  const found = await client.get(`/health/apps/${encodeURIComponent(app)}`, appHealthSchema);
  if (found.ok) return null;
  const apps = await client.list("/health/apps", appHealthSchema);
  if (!apps.ok || apps.value.some((known) => known.app === app)) return null;
  // The manifest may have had it once.
  const jobs = await client.head(`/deliveries?${new URLSearchParams({ app })}`, jobSummarySchema, 1);
  return jobs.ok && jobs.value.items.length === 0 && !jobs.value.more ? found.error : null;
}
