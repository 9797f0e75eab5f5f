import Sqlite from "better-sqlite3";
import { expect, test } from "vitest";
import { systemRandom } from "../../src/core/random.ts";
import { createSeal } from "../../src/core/seal.ts";
import { type Channel, Late } from "../../src/storage/channel.ts";
import { openSqliteSpool } from "../../src/storage/spool/driver.ts";
import { again, claim, ids, listAll, newJob, queueAll, states, take, takeOne, tried } from "../contract/spool.rig.ts";
import { createManualClock } from "../help/manual-clock.ts";
import { jobs, openFiles, UNBOUND, written } from "./spool.files.ts";

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
  const { jobs: got, expired } = await claim(spool);
  expect(ids(got)).toEqual(made.filter((_, i) => i !== 1));
  // Told like every other end, so that it is seen, and the next of its order key goes.
  expect(expired).toMatchObject([{ id: made[1], state: "cancelled" }]);
  expect(await spool.find(made[1]!)).toMatchObject({ state: "cancelled", request: null });
  expect(await states(spool)).toEqual({ leased: 4, cancelled: 1 });
  const [bad] = (await listAll(spool)).filter(({ state }) => state === "cancelled");
  expect(bad).toMatchObject({ id: made[1], reason: "cancelled", detail: expect.stringContaining("can't be read") });
});

/** A spool on a thread that answers only when the test lets it. */
async function openStalled() {
  const clock = createManualClock();
  const stalled: (() => void)[] = [];
  const call: Channel["call"] = async (name, arg) => {
    if (name === "spool.open") return { now: 0, last: 0 };
    if (name !== "spool.put") return null;
    await Promise.resolve();
    if (arg instanceof Late) arg.make();
    await new Promise<void>((resolve) => stalled.push(resolve));
    return null;
  };
  const channel = { call, backup: () => Promise.resolve() };
  const bounds = { maxJobs: 1e6, maxBytes: 1e12, retainDeliveredMs: 1, retainDeadMs: 1, durability: "full" } as const;
  const seal = createSeal(undefined, systemRandom);
  const spool = await openSqliteSpool({ channel, clock, random: systemRandom, seal }, bounds);
  const answer = async (): Promise<void> => {
    await new Promise(setImmediate);
    for (const resolve of stalled.splice(0)) resolve();
  };
  return { spool, clock, stalled, answer };
}

const BUSY = { name: "StorageError", code: "busy" };

test("while the disk stalls no more bodies are taken than a bound, and who comes beyond it hears it at once", async () => {
  const { spool, clock, answer } = await openStalled();
  const taken = [1, 2, 3, 4].map(() => spool.put(newJob(clock, { body: Buffer.alloc(31 * MIB) })));
  await expect(spool.put(newJob(clock, { body: Buffer.alloc(5 * MIB) }))).rejects.toMatchObject(BUSY);
  await answer();
  expect(await Promise.all(taken)).toMatchObject(Array(4).fill({ kind: "queued" }));
  const later = spool.put(newJob(clock, { body: Buffer.alloc(5 * MIB) }));
  await answer();
  expect(await later).toMatchObject({ kind: "queued" });
});

test("heads count as bodies do, and what waits for the disk comes to it in pieces", async () => {
  const { spool, clock, stalled, answer } = await openStalled();
  const { request } = newJob(clock);
  const job = newJob(clock, {
    request: { ...request, headers: ["X-Long", "x".repeat(64 * 1024)] },
    body: Buffer.alloc(0),
  });
  const taken: Promise<unknown>[] = [];
  const refused = new Promise((resolve) => {
    for (let i = 0; i < 2_100; i++) taken.push(spool.put(job).catch(resolve));
  });
  expect(await refused).toMatchObject(BUSY);
  await new Promise(setImmediate);
  expect(stalled.length).toBeGreaterThan(30);
  await answer();
  const kept = (await Promise.all(taken)).filter((receipt) => receipt !== undefined);
  expect(kept.length).toBeGreaterThan(1_900);
  expect(kept.length).toBeLessThan(2_100);
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

test("of very many tries with all that their answers said, the newest are kept, each whole", async () => {
  const { spool, clock } = await openFiles();
  const [id] = await queueAll(spool, [newJob(clock)]);
  for (let from = 0; from < 400; from += 100) {
    const tries = Array.from({ length: 100 }, (_, i) => tried(from + i, { body: "QUJD".repeat(5_000) }));
    await spool.settle((await takeOne(spool, { lane: from === 0 ? "first" : "retry" })).lease, { ...again(0), tries });
  }
  const kept = (await spool.find(id!))?.tries.map(({ n }) => n) ?? [];
  expect(kept.length).toBeGreaterThan(200);
  expect(kept.length).toBeLessThan(400);
  expect(kept).toEqual(kept.map((_, i) => 400 - kept.length + i));
});

test("a spool that refuses a large job for want of bytes is full, though a few are left", async () => {
  const { spool, clock } = await openFiles();
  spool.configure({ ...UNBOUND, maxBytes: 4 * MIB });
  const large = newJob(clock, { body: Buffer.alloc(1.5 * MIB) });
  expect((await spool.put(large)).kind).toBe("queued");
  expect((await spool.put(large)).kind).toBe("queued");
  expect(await spool.survey()).toMatchObject({ full: null });
  expect(await spool.put(large)).toEqual({ kind: "full", bound: "bytes" });
  expect(await spool.survey()).toMatchObject({ full: "bytes" });
  await spool.change("cancel", ids(await listAll(spool)));
  await spool.change("delete", ids(await listAll(spool)));
  expect(await spool.survey()).toMatchObject({ full: null });
});
