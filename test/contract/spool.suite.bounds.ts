import { expect, test } from "vitest";
import type { Receipt, Spool } from "../../src/spool/port.ts";
import type { ManualClock } from "../help/manual-clock.ts";
import {
  again,
  dead,
  delivered,
  newJob,
  queue,
  queueAll,
  type Start,
  states,
  sweepAll,
  take,
  takeOne,
} from "./spool.rig.ts";

const MIB = 2 ** 20;

/** Puts until it is refused. */
async function fill(spool: Spool, clock: ManualClock): Promise<{ readonly ids: string[]; readonly last: Receipt }> {
  const made: string[] = [];
  const body = Buffer.alloc(MIB / 2, "x");
  for (;;) {
    const last = await spool.put(newJob(clock, { body }));
    if (last.kind !== "queued" || made.length > 32) return { ids: made, last };
    made.push(last.id);
  }
}

export function boundsSuite(start: Start): void {
  test("with max_jobs waiting it takes no more, and there is room again after a delivery", async () => {
    const { spool, clock } = await start({ maxJobs: 2 });
    await queueAll(spool, [newJob(clock), newJob(clock)]);
    expect(await spool.put(newJob(clock))).toEqual({ kind: "full", bound: "jobs" });
    expect(await states(spool)).toEqual({ queued: 2 });
    await spool.settle((await take(spool))[0]!.lease, delivered());
    await queue(spool, newJob(clock));
    expect(await spool.put(newJob(clock))).toEqual({ kind: "full", bound: "jobs" });
  });

  test("a job that is out, or waits for a retry, still counts", async () => {
    const { spool, clock } = await start({ maxJobs: 1 });
    await queue(spool, newJob(clock));
    const { lease } = await takeOne(spool);
    expect(await spool.put(newJob(clock))).toEqual({ kind: "full", bound: "jobs" });
    await spool.settle(lease, again(0, 1000));
    expect(await spool.put(newJob(clock))).toEqual({ kind: "full", bound: "jobs" });
  });

  test("jobs that have ended do not count, whichever way", async () => {
    const { spool, clock } = await start({ maxJobs: 1 });
    await queue(spool, newJob(clock));
    await spool.settle((await takeOne(spool)).lease, dead());
    await queue(spool, newJob(clock, { maxAgeMs: 10 }));
    clock.advance(11);
    await sweepAll(spool);
    const cancelled = await queue(spool, newJob(clock));
    await spool.change("cancel", [cancelled]);
    await queue(spool, newJob(clock));
    await spool.settle((await takeOne(spool)).lease, delivered());
    await queue(spool, newJob(clock));
    expect(await states(spool)).toEqual({ queued: 1, delivered: 1, dead: 2, cancelled: 1 });
  });

  test("an import is no waiting job, and is taken though max_jobs wait", async () => {
    const { spool, clock } = await start({ maxJobs: 1 });
    await queue(spool, newJob(clock));
    const dead = { id: "018bcfe5-6800-7abc-8000-0123456789ab", reason: "gone", detail: null } as const;
    expect((await spool.put(newJob(clock, { origin: "import", dead }))).kind).toBe("queued");
  });

  test("an operator may retry though max_jobs wait", async () => {
    const { spool, clock } = await start({ maxJobs: 1 });
    const id = await queue(spool, newJob(clock));
    await spool.settle((await takeOne(spool)).lease, dead());
    await queue(spool, newJob(clock));
    expect(await spool.change("retry", [id])).toHaveLength(1);
    expect(await states(spool)).toEqual({ queued: 2 });
    expect(await spool.put(newJob(clock))).toEqual({ kind: "full", bound: "jobs" });
  });

  test("of puts in one turn no more are taken than there is room for", async () => {
    const { spool, clock } = await start({ maxJobs: 3 });
    const receipts = await Promise.all(Array.from({ length: 10 }, () => spool.put(newJob(clock))));
    expect(receipts.filter(({ kind }) => kind === "queued")).toHaveLength(3);
    expect(await states(spool)).toEqual({ queued: 3 });
  });

  test("the survey tells the bounds, and whether one is reached", async () => {
    const { spool, clock } = await start({ maxJobs: 1, maxBytes: 64 * MIB });
    expect(await spool.survey()).toMatchObject({ maxJobs: 1, maxBytes: 64 * MIB, full: null });
    await queue(spool, newJob(clock));
    expect((await spool.survey()).full).toBe("jobs");
    await spool.settle((await takeOne(spool)).lease, delivered());
    expect((await spool.survey()).full).toBeNull();
  });

  test("with max_bytes reached it takes no more, what was taken is whole, and delivered jobs make room", async () => {
    const { spool, clock } = await start({ maxBytes: 8 * MIB });
    const { ids, last } = await fill(spool, clock);
    expect(last).toEqual({ kind: "full", bound: "bytes" });
    expect(ids.length).toBeGreaterThan(4);
    expect(ids.length).toBeLessThanOrEqual(16);
    expect((await spool.survey()).bytes).toBeLessThanOrEqual(8 * MIB);
    const jobs = await take(spool);
    expect(jobs.map(({ lease }) => lease.id)).toEqual(ids);
    for (const job of jobs) expect(job.body.equals(Buffer.alloc(MIB / 2, "x"))).toBe(true);
    for (const { lease } of jobs) await spool.settle(lease, delivered());
    await sweepAll(spool);
    const again = await fill(spool, clock);
    expect(again.ids.length).toBeGreaterThan(4);
    expect(again.last).toEqual({ kind: "full", bound: "bytes" });
  });

  test("dead letters are never dropped for room", async () => {
    const { spool, clock } = await start({ maxBytes: 8 * MIB });
    const { ids } = await fill(spool, clock);
    for (const { lease } of await take(spool)) await spool.settle(lease, dead({ tries: [] }));
    await sweepAll(spool);
    expect(await spool.put(newJob(clock, { body: Buffer.alloc(MIB / 2) }))).toEqual({ kind: "full", bound: "bytes" });
    expect(await states(spool)).toEqual({ dead: ids.length });
    for (const id of ids) expect((await spool.find(id))?.body).toHaveLength(MIB / 2);
    await spool.change("delete", ids);
    await sweepAll(spool);
    await queue(spool, newJob(clock, { body: Buffer.alloc(MIB / 2) }));
  });

  test("delivered jobs lose their payloads before they go, the oldest first, and can't be sent again then", async () => {
    const { spool, clock } = await start({ maxBytes: 8 * MIB });
    const { ids } = await fill(spool, clock);
    for (const { lease } of await take(spool)) await spool.settle(lease, delivered());
    await sweepAll(spool);
    await queue(spool, newJob(clock, { body: Buffer.alloc(MIB / 2) }));
    expect(await states(spool)).toEqual({ queued: 1, delivered: ids.length });
    const whole = await Promise.all(ids.map(async (id) => (await spool.find(id))?.body !== null));
    expect(whole[0]).toBe(false);
    expect(whole).toEqual([...whole].sort());
    expect(await spool.find(ids[0]!)).toMatchObject({ state: "delivered", request: null, body: null, size: MIB / 2 });
    expect(await spool.change("resend", [ids[0]!])).toEqual([]);
  });
}
