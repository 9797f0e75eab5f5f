import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { systemRandom } from "../../src/core/random.ts";
import { openStorage, type SpoolBounds } from "../../src/storage/storage.ts";
import { claim, newJob, queueAll } from "../contract/spool.rig.ts";
import { createManualClock } from "../help/manual-clock.ts";
import { junkPages, pagesWith, tempDir } from "./support.ts";

const EVER = Number.MAX_SAFE_INTEGER;
const JOBS = 60;
const BOUNDS: SpoolBounds = {
  maxJobs: JOBS,
  maxBytes: EVER,
  retainDeliveredMs: EVER,
  retainDeadMs: EVER,
  durability: "full",
};

test("a spool that was replaced because it was damaged keeps to its bounds", async () => {
  const dir = tempDir();
  const clock = createManualClock();
  const told: string[] = [];
  const open = async () => {
    const storage = await openStorage({ dataDir: dir, clock, onEvent: ({ detail }) => told.push(detail) });
    onTestFinished(() => storage.close());
    return { storage, spool: await storage.openSpool({ bounds: BOUNDS, random: systemRandom, key: undefined }) };
  };
  const jobs = Array.from({ length: JOBS }, (_, n) => newJob(clock, { body: Buffer.alloc(6_000, `the body ${n};`) }));
  const before = await open();
  await queueAll(before.spool, jobs);
  await before.storage.close();

  const { spool } = await open();
  // The check of the file is over once the thread is idle again.
  await spool.survey();
  await spool.survey();
  const path = join(dir, "spool.db");
  junkPages(path, pagesWith(path, "the body 30;").slice(0, 1));
  await claim(spool, { max: JOBS });
  expect(told.join()).toContain("was damaged");
  // Of 60 at most a few were lost with one page: the bound is reached within as many more.
  const receipts = await Promise.all(jobs.map((job) => spool.put(job)));
  expect(receipts.at(-1)).toEqual({ kind: "full", bound: "jobs" });
});
