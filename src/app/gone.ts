import { createGoneCounts, type GoneByRoute, type GoneCounts } from "../spool/gone.ts";
import type { History } from "../storage/storage.ts";

const KEY = "gone";

/** How often each route answered 410 in a row, kept over restarts. */
export async function openGoneCounts(history: Pick<History, "meta" | "setMeta">): Promise<GoneCounts> {
  return createGoneCounts(countsOf(await history.meta(KEY)), (counts) => {
    void history.setMeta(KEY, JSON.stringify(counts)).catch(() => undefined);
  });
}

/** What was kept of them; none where it is not understood. */
function countsOf(kept: string | null): GoneByRoute {
  try {
    const read: unknown = JSON.parse(kept ?? "{}");
    return Object.fromEntries(
      Object.entries(read ?? {}).filter((entry): entry is [string, number] => Number.isSafeInteger(entry[1])),
    );
  } catch {
    return {};
  }
}
