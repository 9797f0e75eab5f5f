import { expect, test } from "vitest";
import type { Settlement, Spool } from "../../src/spool/port.ts";
import {
  again,
  claim,
  dead,
  delivered,
  ids,
  kill,
  newJob,
  POLL,
  queue,
  queueAll,
  type Start,
  sweepAll,
  take,
  takeOne,
} from "./spool.rig.ts";

export function orderSuite(start: Start): void {
  const line = async (n: number) => {
    const opened = await start({ retainDeadMs: 50_000 });
    const jobs = Array.from({ length: n }, () => newJob(opened.clock, { orderKey: "player 7" }));
    return { ...opened, opened, made: await queueAll(opened.spool, jobs) };
  };
  const settleNext = async (spool: Spool, settlement: Settlement): Promise<string> => {
    const { lease } = await takeOne(spool);
    await spool.settle(lease, settlement);
    return lease.id;
  };
  const deliverAll = async (spool: Spool): Promise<string[]> => {
    const order: string[] = [];
    for (let jobs = await take(spool); jobs.length > 0; jobs = await take(spool)) {
      expect(jobs).toHaveLength(1);
      expect(order.length).toBeLessThan(100);
      for (const { lease } of jobs) if (await spool.settle(lease, delivered())) order.push(lease.id);
    }
    return order;
  };

  test("equal keys are delivered one at a time, in the order of their put", async () => {
    const { spool, made } = await line(4);
    expect(await deliverAll(spool)).toEqual(made);
  });

  test("while one of a key is out, or waits for its retry, none of the others is due", async () => {
    const { spool, clock, made } = await line(3);
    const { lease } = await takeOne(spool);
    expect(await claim(spool)).toMatchObject({ jobs: [], more: false, nextInMs: null });
    await spool.settle(lease, again(0, 10_000));
    expect(await claim(spool, { lane: "first" })).toMatchObject({ jobs: [], more: false, nextInMs: null });
    expect(await claim(spool, { lane: "retry" })).toMatchObject({ jobs: [], more: false, nextInMs: 10_000 });
    clock.advance(10_000);
    expect(await deliverAll(spool)).toEqual(made);
  });

  test("other keys, no key, and the same key on another route do not wait", async () => {
    const { spool, clock } = await line(2);
    const other = await queue(spool, newJob(clock, { orderKey: "player 8" }));
    const free = await queueAll(spool, [newJob(clock), newJob(clock)]);
    const poll = await queue(spool, newJob(clock, { ...POLL, orderKey: "player 7" }));
    expect(
      ids(await take(spool))
        .slice(1)
        .sort(),
    ).toEqual([other, ...free].sort());
    expect(ids(await take(spool, POLL))).toEqual([poll]);
  });

  test("a job put later waits behind", async () => {
    const { spool, clock } = await line(1);
    const { lease } = await takeOne(spool);
    const late = await queue(spool, newJob(clock, { orderKey: "player 7" }));
    expect(await take(spool)).toEqual([]);
    await spool.settle(lease, delivered());
    expect(ids(await take(spool))).toEqual([late]);
  });

  test("a dead job lets the next of its key go", async () => {
    const { spool, made } = await line(3);
    expect(await settleNext(spool, dead({ release: true }))).toBe(made[0]);
    expect(await deliverAll(spool)).toEqual(made.slice(1));
  });

  test("a dead job that blocks holds its key, also before those that come later, until it is retried", async () => {
    const { spool, clock, made } = await line(2);
    await settleNext(spool, dead({ release: false }));
    const late = await queue(spool, newJob(clock, { orderKey: "player 7" }));
    expect(await claim(spool)).toMatchObject({ jobs: [], more: false, nextInMs: null });
    await spool.change("retry", [made[0]!]);
    expect(await deliverAll(spool)).toEqual([...made, late]);
  });

  test.for(["claimed", "swept"])(
    "one that grew too old, found as jobs are %s, blocks where it was to do so",
    async (how) => {
      const { spool, clock } = await start();
      const [old = "", next = ""] = await queueAll(spool, [
        newJob(clock, { orderKey: "player 7", blocks: true, maxAgeMs: 5_000 }),
        newJob(clock, { orderKey: "player 7", blocks: true }),
      ]);
      const gone = await queue(spool, newJob(clock, { orderKey: "player 8", maxAgeMs: 5_000 }));
      const after = await queue(spool, newJob(clock, { orderKey: "player 8" }));
      clock.advance(5_000);
      const found = how === "claimed" ? await claim(spool) : { expired: await sweepAll(spool), jobs: [] };
      expect(ids(found.expired).toSorted()).toEqual([old, gone].toSorted());
      expect(ids([...found.jobs, ...(await take(spool))])).toEqual([after]);
      await spool.change("delete", [old]);
      expect(ids(await take(spool))).toEqual([next]);
    },
  );

  test("a dead job that blocks lets the next go when it is deleted", async () => {
    const { spool, made } = await line(3);
    await settleNext(spool, dead({ release: false }));
    await spool.change("delete", [made[0]!]);
    expect(await deliverAll(spool)).toEqual(made.slice(1));
  });

  test("a dead job that blocks lets the next go when it has been kept long enough", async () => {
    const { spool, clock, made } = await line(2);
    await settleNext(spool, dead({ release: false }));
    clock.advance(50_001);
    await sweepAll(spool);
    expect(await deliverAll(spool)).toEqual(made.slice(1));
  });

  test("a dead job that blocks does so after a kill, too", async ({ skip }) => {
    const { opened, made } = await line(2);
    await settleNext(opened.spool, dead({ release: false }));
    const { spool } = await kill(opened, skip);
    expect(await take(spool)).toEqual([]);
    await spool.change("retry", [made[0]!]);
    expect(await deliverAll(spool)).toEqual(made);
  });

  test("a retried dead job waits for the one that is out, and goes before the later ones", async () => {
    const { spool, made } = await line(3);
    await settleNext(spool, dead({ release: true }));
    const second = await takeOne(spool);
    await spool.change("retry", [made[0]!]);
    expect(await take(spool)).toEqual([]);
    await spool.settle(second.lease, delivered());
    expect(await deliverAll(spool)).toEqual([made[0], made[2]]);
  });

  test("retried dead jobs of one key go one at a time, in the order of their put", async () => {
    const { spool, made } = await line(3);
    for (let i = 0; i < 3; i++) await settleNext(spool, dead({ release: true }));
    await spool.change("retry", [made[2]!, made[0]!, made[1]!]);
    expect(await deliverAll(spool)).toEqual(made);
  });

  test("a dead job that blocked its key does so no longer once it is retried, also before an earlier one", async () => {
    const { spool, made } = await line(3);
    await settleNext(spool, dead({ release: true }));
    await settleNext(spool, dead({ release: false }));
    await spool.change("retry", [made[1]!, made[0]!]);
    expect(await deliverAll(spool)).toEqual(made);
  });

  test("a delivered job that is sent again keeps to its key", async () => {
    const { spool, made } = await line(3);
    await settleNext(spool, delivered());
    const second = await takeOne(spool);
    await spool.change("resend", [made[0]!]);
    expect(await take(spool)).toEqual([]);
    await spool.settle(second.lease, delivered());
    expect((await deliverAll(spool)).sort()).toEqual([made[0], made[2]].sort());
  });

  test("cancelling the first of a key lets the next go", async () => {
    const { spool, made } = await line(3);
    await spool.change("cancel", [made[0]!]);
    expect(await deliverAll(spool)).toEqual(made.slice(1));
  });

  test("cancelling one that is out lets the next go", async () => {
    const { spool, made } = await line(2);
    const { lease } = await takeOne(spool);
    await spool.change("cancel", [made[0]!]);
    expect(await spool.settle(lease, delivered())).toBe(false);
    expect(await deliverAll(spool)).toEqual(made.slice(1));
  });

  test("cancelling one in the middle leaves a gap, and lets nobody go early", async () => {
    const { spool, made } = await line(3);
    const { lease } = await takeOne(spool);
    await spool.change("cancel", [made[1]!]);
    expect(await take(spool)).toEqual([]);
    await spool.settle(lease, delivered());
    expect(await deliverAll(spool)).toEqual([made[2]]);
  });

  test("a job that gets too old lets the next of its key go", async () => {
    const { spool, clock } = await start();
    const [old, young] = await queueAll(
      spool,
      [1000, 100_000].map((maxAgeMs) => newJob(clock, { maxAgeMs, orderKey: "k" })),
    );
    clock.advance(1001);
    expect(ids(await sweepAll(spool))).toEqual([old]);
    expect(await deliverAll(spool)).toEqual([young]);
  });

  test("a job found too old by a claim lets the next of its key go", async () => {
    const { spool, clock } = await start();
    const [, young] = await queueAll(
      spool,
      [1000, 100_000].map((maxAgeMs) => newJob(clock, { maxAgeMs, orderKey: "k" })),
    );
    clock.advance(1001);
    expect(await deliverAll(spool)).toEqual([young]);
  });

  test("after a kill a key still has one job out at a time, the lost one first", async ({ skip }) => {
    const { opened, made } = await line(3);
    await takeOne(opened.spool);
    const { spool } = await kill(opened, skip);
    expect(await deliverAll(spool)).toEqual(made);
  });
}
