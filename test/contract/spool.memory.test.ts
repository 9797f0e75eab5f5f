import { createManualClock } from "../help/manual-clock.ts";
import { createSeededRandom } from "../help/seeded-random.ts";
import { createMemorySpool } from "../help/spool.memory.ts";
import type { OpenedSpool } from "./spool.rig.ts";
import { describeSpool } from "./spool.suite.ts";

describeSpool("the in-memory spool", async (options) => {
  const clock = createManualClock();
  const spool = createMemorySpool(clock, createSeededRandom(1), options);
  const opened: OpenedSpool = {
    spool,
    clock,
    async reopen() {
      spool.recover();
      return opened;
    },
    async close() {},
  };
  return opened;
});
