import { expect, test } from "vitest";
import {
  again,
  claim,
  DAY_MS,
  givenBack,
  ids,
  newJob,
  POLL,
  QUIZ,
  queue,
  queueAll,
  type Start,
  states,
  sweepAll,
  take,
  takeOne,
} from "./spool.rig.ts";

export function claimSuite(start: Start): void {
  test("nothing is claimed where nothing is, and nothing waits", async () => {
    const { spool } = await start();
    expect(await claim(spool)).toEqual({ jobs: [], polls: [], more: false, nextInMs: null, expired: [] });
  });

  test("the longest due comes first, not the first that was put", async () => {
    const { spool, clock } = await start();
    const made = await queueAll(spool, [newJob(clock), newJob(clock), newJob(clock)]);
    const delays = [3000, 1000, 2000];
    for (const [i, job] of (await take(spool)).entries()) await spool.settle(job.lease, again(0, delays[i]));
    clock.advance(3000);
    const { jobs } = await claim(spool, { lane: "retry" });
    expect(ids(jobs)).toEqual([made[1], made[2], made[0]]);
  });

  test("jobs put at different times come in the order of their put", async () => {
    const { spool, clock } = await start();
    const made: string[] = [];
    for (let i = 0; i < 5; i++) {
      made.push(await queue(spool, newJob(clock)));
      clock.advance(i % 2);
    }
    expect(ids((await claim(spool)).jobs)).toEqual(made);
  });

  test("first tries and retries are claimed apart", async () => {
    const { spool, clock } = await start();
    const retried = await queue(spool, newJob(clock));
    await spool.settle((await takeOne(spool)).lease, again(0));
    const fresh = await queue(spool, newJob(clock));
    expect(ids((await claim(spool, { lane: "first" })).jobs)).toEqual([fresh]);
    expect(ids((await claim(spool, { lane: "retry" })).jobs)).toEqual([retried]);
  });

  test("a job given back as it came is still a first try", async () => {
    const { spool, clock } = await start();
    const id = await queue(spool, newJob(clock));
    await spool.settle((await takeOne(spool)).lease, givenBack);
    expect(ids((await claim(spool, { lane: "first" })).jobs)).toEqual([id]);
  });

  test("routes are claimed apart, also those of one app", async () => {
    const { spool, clock } = await start();
    const other = { app: "quiz", capability: "other" };
    const [a, b, c] = await queueAll(
      spool,
      [POLL, QUIZ, other].map((route) => newJob(clock, route)),
    );
    expect(ids((await claim(spool, other)).jobs)).toEqual([c]);
    expect(ids((await claim(spool, QUIZ)).jobs)).toEqual([b]);
    expect(ids((await claim(spool, POLL)).jobs)).toEqual([a]);
    expect((await claim(spool, { capability: "none" })).jobs).toEqual([]);
  });

  test("what is leased is not claimed again", async () => {
    const { spool, clock } = await start();
    await queueAll(spool, [newJob(clock), newJob(clock)]);
    expect((await claim(spool)).jobs).toHaveLength(2);
    expect(await claim(spool)).toMatchObject({ jobs: [], more: false, nextInMs: null });
    expect(await states(spool)).toEqual({ leased: 2 });
  });

  test("claims of one turn share no job", async () => {
    const { spool, clock } = await start();
    const made = await queueAll(
      spool,
      Array.from({ length: 10 }, () => newJob(clock)),
    );
    const claims = await Promise.all([3, 3, 3, 3].map((max) => claim(spool, { max })));
    const jobs = claims.flatMap((claimed) => claimed.jobs);
    expect(ids(jobs).sort()).toEqual(made.sort());
  });

  test("no more than max come, and it says that there are more", async () => {
    const { spool, clock } = await start();
    const made = await queueAll(spool, [newJob(clock), newJob(clock), newJob(clock)]);
    const first = await claim(spool, { max: 2 });
    expect(ids(first.jobs)).toEqual(made.slice(0, 2));
    expect(first.more).toBe(true);
    const second = await claim(spool, { max: 1 });
    expect(ids(second.jobs)).toEqual(made.slice(2));
    expect(second.more).toBe(false);
  });

  test("no more than maxBytes of bodies come", async () => {
    const { spool, clock } = await start();
    const body = Buffer.alloc(100, "x");
    await queueAll(spool, [newJob(clock, { body }), newJob(clock, { body }), newJob(clock, { body })]);
    const first = await claim(spool, { maxBytes: 200 });
    expect([first.jobs.length, first.more]).toEqual([2, true]);
    const second = await claim(spool, { maxBytes: 200 });
    expect([second.jobs.length, second.more]).toEqual([1, false]);
  });

  test("the first job comes whatever its size", async () => {
    const { spool, clock } = await start();
    const body = Buffer.alloc(100, "x");
    await queueAll(spool, [newJob(clock, { body }), newJob(clock, { body })]);
    const first = await claim(spool, { maxBytes: 1 });
    expect([first.jobs.length, first.more]).toEqual([1, true]);
  });

  test("a small job does not overtake a large one that no longer fits", async () => {
    const { spool, clock } = await start();
    const sizes = [100, 500, 50];
    const made = await queueAll(
      spool,
      sizes.map((size) => newJob(clock, { body: Buffer.alloc(size) })),
    );
    expect(ids((await claim(spool, { maxBytes: 200 })).jobs)).toEqual([made[0]]);
    expect(ids((await claim(spool, { maxBytes: 200 })).jobs)).toEqual([made[1]]);
  });

  test("a claim with nothing due says when the next of its lane will be, and that one is due then", async () => {
    const { spool, clock } = await start();
    await queueAll(spool, [newJob(clock), newJob(clock)]);
    const [a, b] = await take(spool);
    await spool.settle(a!.lease, again(0, 5000));
    await spool.settle(b!.lease, again(0, 3000));
    clock.advance(1000);
    expect(await claim(spool, { lane: "retry" })).toMatchObject({ jobs: [], more: false, nextInMs: 2000 });
    expect(await claim(spool, { lane: "first" })).toMatchObject({ jobs: [], more: false, nextInMs: null });
    clock.advance(1999);
    expect((await claim(spool, { lane: "retry" })).jobs).toEqual([]);
    clock.advance(1);
    expect(ids((await claim(spool, { lane: "retry" })).jobs)).toEqual([b!.lease.id]);
  });

  test("a claim that takes all that is due says when the next will be", async () => {
    const { spool, clock } = await start();
    await queueAll(spool, [newJob(clock), newJob(clock)]);
    const [a, b] = await take(spool);
    await spool.settle(a!.lease, again(0, 0));
    await spool.settle(b!.lease, again(0, 3000));
    const claimed = await claim(spool, { lane: "retry" });
    expect(claimed).toMatchObject({ more: false, nextInMs: 3000 });
    expect(ids(claimed.jobs)).toEqual([a!.lease.id]);
  });

  test("each lease of a job bears another attempt", async () => {
    const { spool, clock } = await start();
    await queue(spool, newJob(clock));
    const seen: number[] = [];
    for (let i = 0; i < 4; i++) {
      const { lease } = await takeOne(spool);
      seen.push(lease.attempt);
      await spool.settle(lease, i % 2 ? again(i) : givenBack);
    }
    expect(new Set(seen).size).toBe(4);
  });

  test("a job too old is not claimed: it is dead, and the claim says so once", async () => {
    const { spool, clock } = await start();
    const [id] = await queueAll(spool, [newJob(clock, { maxAgeMs: 1000 })]);
    clock.advance(999);
    await spool.settle((await takeOne(spool)).lease, givenBack);
    clock.advance(2);
    const claimed = await claim(spool);
    expect(claimed).toMatchObject({ jobs: [], more: false, expired: [{ id, state: "dead", reason: "expired" }] });
    expect((await claim(spool)).expired).toEqual([]);
    expect(await sweepAll(spool)).toEqual([]);
    expect(await states(spool)).toEqual({ dead: 1 });
  });

  test("jobs too old are not in the way of those that are not", async () => {
    const { spool, clock } = await start();
    const old = await queueAll(
      spool,
      Array.from({ length: 5 }, () => newJob(clock, { maxAgeMs: 1000 })),
    );
    const young = await queue(spool, newJob(clock, { maxAgeMs: DAY_MS }));
    clock.advance(1001);
    const expired: string[] = [];
    const jobs: string[] = [];
    for (let more = true; more; ) {
      const claimed = await claim(spool, { max: 1 });
      expired.push(...ids(claimed.expired));
      jobs.push(...ids(claimed.jobs));
      more = claimed.more;
      expect(claimed.jobs.length + claimed.expired.length).toBeGreaterThan(0);
    }
    expect(jobs).toEqual([young]);
    expect([...expired, ...ids(await sweepAll(spool))].sort()).toEqual(old.sort());
  });
}
