import type { JobFilter, JobSummary } from "../core/job.ts";
import type { Page } from "../core/stored.ts";
import type { DeliveryAct, DeliveryService } from "./services.ts";

/** So many jobs are listed and changed at once: whoever else asks the spool gets its turn in between. */
export const PART = 1_000;

export interface BulkChange {
  /** Null only counts. */
  readonly act: DeliveryAct | null;
  readonly filter: JobFilter;
  /** At most so many jobs are looked at. */
  readonly limit: number;
  readonly cursor: number | null;
  readonly by: string;
}

export interface BulkPart {
  /** To how many of this part it was done. */
  readonly count: number;
  /** Where to go on; null at the end. */
  readonly next: number | null;
}

/**
 * Does it to all that match, part by part, the newest first. The cursor only goes towards older ones, so a job that
 * is retried and dies again meanwhile is not met again, and this ends.
 */
export async function* changeInParts(deliveries: DeliveryService, change: BulkChange): AsyncGenerator<BulkPart> {
  let { cursor, limit } = change;
  while (limit > 0) {
    const { items, next }: Page<JobSummary> = await deliveries.list({
      filter: change.filter,
      limit: Math.min(PART, limit),
      cursor,
    });
    const ids = items.map(({ id }) => id);
    const done = change.act === null || ids.length === 0 ? items : await deliveries.change(change.act, ids, change.by);
    yield { count: done.length, next };
    if (next === null) return;
    cursor = next;
    limit -= items.length;
  }
}
