import Sqlite from "better-sqlite3";
import { expect, test } from "vitest";
import { systemRandom } from "../../src/core/random.ts";
import { type Channel, Late } from "../../src/storage/channel.ts";
import { openSqliteSpool } from "../../src/storage/spool/driver.ts";
import { createSeal } from "../../src/storage/spool/seal.ts";
import { ids, listAll, newJob, queueAll, states, take } from "../contract/spool.rig.ts";
import { createManualClock } from "../help/manual-clock.ts";
import { jobs, openFiles, written } from "./spool.files.ts";

const MIB = 1024 * 1024;

test("a job whose request cannot be read ends, is not lost, and stops none of the others", async () => {
  const { dir, path, made } = await written(jobs(5));
  const db = new Sqlite(path);
  // The row is sound; only what the request is rebuilt from is not.
  expect(
    db
      .prepare(
        "UPDATE payloads SET content = zeroblob(length(content)) WHERE seq = (SELECT seq FROM jobs ORDER BY seq LIMIT 1 OFFSET 1)",
      )
      .run(),
  ).toMatchObject({ changes: 1 });
  db.close();
  const { spool } = await openFiles(dir);
  expect(ids(await take(spool))).toEqual(made.filter((_, i) => i !== 1));
  await expect.poll(() => states(spool)).toEqual({ leased: 4, cancelled: 1 });
  const [bad] = (await listAll(spool)).filter(({ state }) => state === "cancelled");
  expect(bad).toMatchObject({ id: made[1], reason: "cancelled", detail: expect.stringContaining("can't be read") });
});

test("while the disk stalls no more bodies are taken than a bound, and who comes beyond it hears it at once", async () => {
  const clock = createManualClock();
  // A thread that answers only when the test lets it.
  const stalled: (() => void)[] = [];
  const call: Channel["call"] = async (name, arg) => {
    if (name === "spool.open") return { now: 0, last: 0 };
    if (name !== "spool.put") return null;
    await Promise.resolve();
    if (arg instanceof Late) arg.make();
    await new Promise<void>((resolve) => stalled.push(resolve));
    return Array(1_000).fill(0);
  };
  const channel = { call, backup: () => Promise.resolve() };
  const bounds = { maxJobs: 1e6, maxBytes: 1e12, retainDeliveredMs: 1, retainDeadMs: 1, durability: "full" } as const;
  const spool = await openSqliteSpool(
    { channel, clock, random: systemRandom, seal: createSeal(undefined, systemRandom) },
    bounds,
  );
  const job = newJob(clock, { body: Buffer.alloc(32 * MIB) });
  const taken = [1, 2, 3, 4].map(() => spool.put(job));
  await expect(spool.put(newJob(clock))).rejects.toMatchObject({ name: "StorageError", code: "busy" });
  while (stalled.length > 0) stalled.pop()?.();
  expect(await Promise.all(taken)).toMatchObject(Array(4).fill({ kind: "queued" }));
  const later = spool.put(newJob(clock));
  await new Promise(setImmediate);
  while (stalled.length > 0) stalled.pop()?.();
  expect(await later).toMatchObject({ kind: "queued" });
});

test("the oldest age is that of the oldest that waits, past however many that ended before", async () => {
  const { spool, clock } = await openFiles();
  await queueAll(spool, Array(1_100).fill(newJob(clock)));
  const old = await take(spool, { max: 2_000 });
  clock.advance(5_000);
  await queueAll(spool, [newJob(clock)]);
  await Promise.all(old.map(({ lease }, i) => spool.settle(lease, i === 3 ? DEAD : { kind: "delivered", tries: [] })));
  clock.advance(1_000);
  expect((await spool.survey()).oldestAgeMs).toBe(1_000);
  // It ends, and one is retried that is older than all that were passed over.
  const [only] = await take(spool);
  await spool.settle(only!.lease, { kind: "delivered", tries: [] });
  expect((await spool.survey()).oldestAgeMs).toBeNull();
  await spool.change("retry", [old[3]!.lease.id]);
  await expect.poll(async () => (await spool.survey()).oldestAgeMs).toBe(6_000);
});

const DEAD = { kind: "dead", tries: [], reason: "gone", detail: null, release: true } as const;
