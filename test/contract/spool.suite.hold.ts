import { expect, test } from "vitest";
import {
  again,
  claim,
  delivered,
  givenBack,
  ids,
  kill,
  newJob,
  queue,
  queueAll,
  type Start,
  states,
  take,
  takeOne,
} from "./spool.rig.ts";

export function holdSuite(start: Start): void {
  test("a lease that is named stays, one that is not is taken away: due at once, in doubt", async () => {
    const { spool, clock } = await start();
    const made = await queueAll(spool, [newJob(clock), newJob(clock)]);
    const [kept, lost] = await take(spool);
    await spool.hold([kept!.lease]);
    expect(await spool.find(made[1]!)).toMatchObject({ state: "queued", inDoubt: true, attempts: 0, sends: 0 });
    expect((await spool.find(made[1]!))?.dueAt).toBeLessThanOrEqual(clock.wall());
    const back = await takeOne(spool);
    expect(back).toMatchObject({ inDoubt: true, lease: { id: made[1] } });
    expect(back.lease.attempt).not.toBe(lost?.lease.attempt);
    expect(await spool.settle(kept!.lease, delivered())).toBe(true);
  });

  test("the late settle of a lease that was taken away is refused, before and after the job is leased again", async () => {
    const { spool, clock } = await start();
    await queue(spool, newJob(clock));
    const lost = await takeOne(spool);
    await spool.hold([]);
    expect(await spool.settle(lost.lease, delivered())).toBe(false);
    const second = await takeOne(spool);
    expect(await spool.settle(lost.lease, delivered())).toBe(false);
    expect(await spool.settle(second.lease, delivered())).toBe(true);
  });

  test("a job taken away is in its lane", async () => {
    const { spool, clock } = await start();
    const sent = await queue(spool, newJob(clock));
    await spool.settle((await takeOne(spool)).lease, again(0));
    const fresh = await queue(spool, newJob(clock));
    await take(spool);
    await spool.hold([]);
    expect(ids((await claim(spool, { lane: "retry" })).jobs)).toEqual([sent]);
    expect(ids((await claim(spool, { lane: "first" })).jobs)).toEqual([fresh]);
  });

  test("an old lease of a job does not hold its new one", async () => {
    const { spool, clock } = await start();
    await queue(spool, newJob(clock));
    const old = await takeOne(spool);
    await spool.settle(old.lease, givenBack);
    await takeOne(spool);
    await spool.hold([old.lease]);
    expect(await states(spool)).toEqual({ queued: 1 });
  });

  test("hold touches nothing but leases, and may be asked again", async () => {
    const { spool, clock } = await start();
    const made = await queueAll(spool, [newJob(clock), newJob(clock), newJob(clock), newJob(clock)]);
    const [done, later, held] = await take(spool, { max: 1 });
    await spool.settle(done!.lease, delivered());
    await spool.settle(later!.lease, again(0, 5000));
    await spool.change("cancel", [made[3]!]);
    const before = await Promise.all(made.map((id) => spool.find(id)));
    const gone = { id: "018bcfe5-6800-7abc-8000-0123456789ab", attempt: 1 };
    for (let i = 0; i < 2; i++) await spool.hold([done!.lease, later!.lease, held!.lease, gone]);
    expect(await Promise.all(made.map((id) => spool.find(id)))).toEqual(before);
  });

  test("after a kill every lease is lost: due at once, in doubt, no attempt spent", async ({ skip }) => {
    const opened = await start();
    const jobs = [newJob(opened.clock), newJob(opened.clock), newJob(opened.clock)];
    const [a, b, c] = await queueAll(opened.spool, jobs);
    const { jobs: before } = await claim(opened.spool, { max: 2 });
    const { spool } = await kill(opened, skip);
    expect(await states(spool)).toEqual({ queued: 3 });
    const after = await take(spool);
    expect(new Map(after.map((job) => [job.lease.id, job.inDoubt]))).toEqual(
      new Map([
        [a, true],
        [b, true],
        [c, false],
      ]),
    );
    for (const job of after) expect(job).toMatchObject({ attempts: 0, sends: 0 });
    for (const { lease } of before) expect(await spool.settle(lease, delivered())).toBe(false);
    for (const { lease } of after) expect(await spool.settle(lease, delivered())).toBe(true);
  });

  test("a lease of before a kill is refused though nobody has leased the job again", async ({ skip }) => {
    const opened = await start();
    await queue(opened.spool, newJob(opened.clock));
    const { lease } = await takeOne(opened.spool);
    const { spool } = await kill(opened, skip);
    expect(await spool.settle(lease, delivered())).toBe(false);
    expect(await states(spool)).toEqual({ queued: 1 });
  });

  test("what was acknowledged is there after a kill, as it was", async ({ skip }) => {
    const opened = await start();
    const { spool: old, clock } = opened;
    const made = await queueAll(old, [newJob(clock), newJob(clock), newJob(clock), newJob(clock, { orderKey: "k" })]);
    const [one, two] = (await claim(old, { max: 2 })).jobs;
    await old.settle(one!.lease, delivered());
    await old.settle(two!.lease, again(0, 60_000));
    await old.change("cancel", [made[2]!]);
    const before = await Promise.all(made.map((id) => old.find(id)));
    const survey = await old.survey();
    const { spool } = await kill(opened, skip);
    expect(await Promise.all(made.map((id) => spool.find(id)))).toEqual(before);
    expect((await spool.survey()).states).toEqual(survey.states);
  });
}
