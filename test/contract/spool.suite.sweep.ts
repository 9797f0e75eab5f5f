import { expect, test } from "vitest";
import {
  again,
  claim,
  DAY_MS,
  dead,
  delivered,
  ids,
  newJob,
  POLL,
  queue,
  queueAll,
  type Start,
  states,
  sweepAll,
  take,
  takeOne,
} from "./spool.rig.ts";

export function sweepSuite(start: Start): void {
  test("an empty spool has nothing to sweep", async () => {
    const { spool } = await start();
    expect(await spool.sweep()).toEqual({ expired: [], lapsed: [], more: false });
  });

  test("what is too old dies wherever it waits, on a route that nobody claims too, and is told once", async () => {
    const { spool, clock } = await start();
    const young = { maxAgeMs: 5000 };
    const old = { maxAgeMs: 1000 };
    const retried = await queue(spool, newJob(clock, old));
    await spool.settle((await takeOne(spool)).lease, again(0, 60_000));
    const made = await queueAll(spool, [
      newJob(clock, old),
      newJob(clock, { ...POLL, ...old }),
      newJob(clock, { ...POLL, ...young }),
      newJob(clock, { ...young, orderKey: "k" }),
      newJob(clock, { ...old, orderKey: "k" }),
    ]);
    clock.advance(999);
    expect(await sweepAll(spool)).toEqual([]);
    clock.advance(2);
    const expired = await sweepAll(spool);
    const expected = [retried, made[0], made[1], made[4]];
    expect(ids(expired).sort()).toEqual(expected.sort());
    for (const job of expired) {
      expect(job).toMatchObject({ state: "dead", reason: "expired", endedAt: clock.wall(), dueAt: null });
      expect(await spool.find(job.id)).toMatchObject(job);
    }
    expect(await sweepAll(spool)).toEqual([]);
    expect(await states(spool)).toEqual({ queued: 2, dead: 4 });
  });

  test("of many that wait none is looked at before one of them may be too old, and then it is found", async () => {
    const { spool, clock } = await start();
    await Promise.all(Array.from({ length: 1_100 }, () => spool.put(newJob(clock))));
    await sweepAll(spool);
    expect(await spool.sweep()).toEqual({ expired: [], lapsed: [], more: false });
    const short = await queue(spool, newJob(clock, { maxAgeMs: 1000 }));
    clock.advance(1001);
    expect(ids(await sweepAll(spool))).toEqual([short]);
    expect(await spool.sweep()).toEqual({ expired: [], lapsed: [], more: false });
    clock.advance(DAY_MS);
    expect(await sweepAll(spool)).toHaveLength(1_100);
  });

  test("an expired job keeps its payload", async () => {
    const { spool, clock } = await start();
    const id = await queue(spool, newJob(clock, { maxAgeMs: 1000, body: Buffer.from("kept") }));
    clock.advance(1001);
    await sweepAll(spool);
    expect(Buffer.from((await spool.find(id))?.body ?? []).toString()).toBe("kept");
  });

  test("a job that is out is not too old: its worker may still deliver it", async () => {
    const { spool, clock } = await start();
    await queue(spool, newJob(clock, { maxAgeMs: 1000 }));
    const { lease } = await takeOne(spool);
    clock.advance(5000);
    expect(await sweepAll(spool)).toEqual([]);
    expect(await spool.settle(lease, delivered())).toBe(true);
  });

  test("a job that went again when it was too old expires", async () => {
    const { spool, clock } = await start();
    const id = await queue(spool, newJob(clock, { maxAgeMs: 1000 }));
    const { lease } = await takeOne(spool);
    clock.advance(5000);
    expect(await spool.settle(lease, again(0))).toBe(true);
    const { expired } = await claim(spool, { lane: "retry" });
    expect(ids(expired)).toEqual([id]);
  });

  test("much to do is done in steps, and each job is told once", async () => {
    const { spool, clock } = await start();
    const made = await Promise.all(Array.from({ length: 1500 }, () => queue(spool, newJob(clock, { maxAgeMs: 1000 }))));
    clock.advance(1001);
    const first = await spool.sweep();
    expect(first.expired.length).toBeGreaterThan(0);
    expect(first.expired.length).toBeLessThan(1500);
    expect(first.more).toBe(true);
    expect([...ids(first.expired), ...ids(await sweepAll(spool))].sort()).toEqual(made.sort());
    expect(await states(spool)).toEqual({ dead: 1500 });
  });

  test("a delivered job is kept, and can be sent again, until its time is over: then it is gone with its payload", async () => {
    const { spool, clock } = await start({ retainDeliveredMs: 10_000 });
    const id = await queue(spool, newJob(clock, { body: Buffer.from("payload") }));
    clock.advance(5000);
    await spool.settle((await takeOne(spool)).lease, delivered());
    clock.advance(9999);
    await sweepAll(spool);
    expect(Buffer.from((await spool.find(id))?.body ?? []).toString()).toBe("payload");
    clock.advance(2);
    await sweepAll(spool);
    expect(await spool.find(id)).toBeNull();
    expect(await states(spool)).toEqual({});
    expect(await spool.change("resend", [id])).toEqual([]);
  });

  test("a dead or cancelled job is kept until its time is over", async () => {
    const { spool, clock } = await start({ retainDeadMs: 10_000, retainDeliveredMs: 1 });
    const [gone, cancelled] = await queueAll(spool, [newJob(clock, { maxAgeMs: 1000 }), newJob(clock, POLL)]);
    clock.advance(500);
    await spool.settle((await takeOne(spool)).lease, dead());
    await spool.change("cancel", [cancelled!]);
    clock.advance(9999);
    await sweepAll(spool);
    expect(await states(spool)).toEqual({ dead: 1, cancelled: 1 });
    clock.advance(2);
    await sweepAll(spool);
    expect(await spool.find(gone!)).toBeNull();
    expect(await spool.find(cancelled!)).toBeNull();
    expect(await states(spool)).toEqual({});
  });

  test("an import is kept as long as one that died here, however old it is", async () => {
    const { spool, clock } = await start({ retainDeadMs: 10_000 });
    const id = "018bcfe5-6800-7abc-8000-0123456789ab";
    const old = newJob(clock, { origin: "import", at: clock.wall() - 1_000_000, maxAgeMs: 1000 });
    await spool.put({ ...old, dead: { id, reason: "expired", detail: null } });
    clock.advance(9999);
    await sweepAll(spool);
    expect(await spool.find(id)).toMatchObject({ state: "dead" });
    clock.advance(2);
    await sweepAll(spool);
    expect(await spool.find(id)).toBeNull();
  });

  test("a job that was retried is not let go for its earlier end", async () => {
    const { spool, clock } = await start({ retainDeadMs: 10_000, retainDeliveredMs: 10_000 });
    const made = await queueAll(spool, [newJob(clock), newJob(clock)]);
    const [a, b] = await take(spool);
    await spool.settle(a!.lease, dead());
    await spool.settle(b!.lease, delivered());
    clock.advance(9000);
    await spool.change("retry", made);
    await spool.change("resend", made);
    clock.advance(9000);
    await sweepAll(spool);
    expect(ids(await take(spool)).sort()).toEqual(made.sort());
  });
}
