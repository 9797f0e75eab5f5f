import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemRandom } from "../../src/core/random.ts";
import { openStorage, type SpoolBounds } from "../../src/storage/storage.ts";
import { createManualClock, type ManualClock } from "../help/manual-clock.ts";
import { createStorageHall } from "../help/storage.hall.ts";
import type { OpenedSpool, SpoolOptions } from "./spool.rig.ts";
import { describeSpool } from "./spool.suite.ts";

/** The real file, served as the real thread does it; one thread for all, since hundreds of them are opened. */

const start = createStorageHall();

const EVER = Number.MAX_SAFE_INTEGER;

async function openAt(dir: string, clock: ManualClock, options: SpoolOptions): Promise<OpenedSpool> {
  const { maxJobs = EVER, maxBytes = EVER, retainDeliveredMs = EVER, retainDeadMs = EVER } = options;
  const bounds: SpoolBounds = { maxJobs, maxBytes, retainDeliveredMs, retainDeadMs, durability: "full" };
  const storage = await openStorage({ dataDir: dir, clock, onEvent: () => undefined }, start);
  const spool = await storage.openSpool({ bounds, random: systemRandom, key: "a key of the test" });
  let closed: Promise<void> | null = null;
  const end = (): Promise<void> => {
    closed ??= storage.close();
    return closed;
  };
  return {
    spool,
    clock,
    reopen: async () => {
      // The process gives the directory free, and settles nothing: all that a kill leaves is in the file.
      await end();
      return openAt(dir, clock, options);
    },
    async close() {
      await end();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

describeSpool("sqlite", (options) =>
  openAt(mkdtempSync(join(tmpdir(), "outrigger-spool-")), createManualClock(), options),
);
