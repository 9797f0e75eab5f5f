import { expect, test } from "vitest";
import { DEAD_REASONS } from "../../src/core/job.ts";
import {
  again,
  dead,
  delivered,
  givenBack,
  good,
  newJob,
  queue,
  queueAll,
  type Start,
  states,
  take,
  takeOne,
  tried,
} from "./spool.rig.ts";

const LIVE_REASONS = DEAD_REASONS.filter((reason) => reason !== "cancelled");

export function settleSuite(start: Start): void {
  test("a delivered job has ended, with its send", async () => {
    const { spool, clock } = await start();
    const id = await queue(spool, newJob(clock));
    const { lease } = await takeOne(spool);
    clock.advance(40);
    expect(await spool.settle(lease, delivered())).toBe(true);
    expect(await spool.find(id)).toMatchObject({
      state: "delivered",
      reason: null,
      endedAt: clock.wall(),
      dueAt: null,
      attempts: 1,
      sends: 1,
      tries: [good(0)],
    });
    clock.advance(100_000);
    expect(await take(spool)).toEqual([]);
  });

  test("a job that is to go again is due when its delay is over, not before", async () => {
    const { spool, clock } = await start();
    const id = await queue(spool, newJob(clock));
    expect(await spool.settle((await takeOne(spool)).lease, again(0, 1500))).toBe(true);
    expect(await spool.find(id)).toMatchObject({ state: "queued", dueAt: clock.wall() + 1500, attempts: 1, sends: 1 });
    clock.advance(1499);
    expect(await take(spool)).toEqual([]);
    clock.advance(1);
    expect(await takeOne(spool)).toMatchObject({ attempts: 1, sends: 1, inDoubt: false });
  });

  test("only what is spent counts as an attempt, but every send counts as a send", async () => {
    const { spool, clock } = await start();
    await queue(spool, newJob(clock));
    const two = { ...again(0), spent: false, tries: [tried(0), tried(1)] };
    await spool.settle((await takeOne(spool)).lease, two);
    expect(await takeOneAndGiveBack()).toMatchObject({ attempts: 0, sends: 2 });
    await spool.settle((await takeOne(spool)).lease, again(2));
    expect(await takeOneAndGiveBack()).toMatchObject({ attempts: 1, sends: 3 });

    async function takeOneAndGiveBack() {
      const job = await takeOne(spool);
      await spool.settle(job.lease, givenBack);
      return job;
    }
  });

  test("doubt is kept with the job until a settlement says otherwise", async () => {
    const { spool, clock } = await start();
    const id = await queue(spool, newJob(clock));
    await spool.settle((await takeOne(spool)).lease, { ...again(0), inDoubt: true });
    expect((await spool.find(id))?.inDoubt).toBe(true);
    const job = await takeOne(spool);
    expect(job.inDoubt).toBe(true);
    await spool.settle(job.lease, { ...again(1), inDoubt: false });
    expect((await takeOne(spool)).inDoubt).toBe(false);
  });

  test("every send is kept in order, whole, with the headers and body of its answer", async () => {
    const { spool, clock } = await start();
    const before = [tried(0, { detail: "of the synchronous call" })];
    const id = await queue(spool, newJob(clock, { origin: "fallback", sends: 1, tries: before }));
    const second = [tried(1, { headers: ["A", "1", "a", "2"] }), tried(2, { status: 0, reason: "connect" })];
    await spool.settle((await takeOne(spool)).lease, { ...again(1), tries: second });
    await spool.settle((await takeOne(spool)).lease, delivered(3));
    expect((await spool.find(id))?.tries).toEqual([...before, ...second, good(3)]);
  });

  test.for(LIVE_REASONS)("a job dead of %s is kept with its reason, its payload and its sends", async (reason) => {
    const { spool, clock } = await start();
    const job = newJob(clock);
    const id = await queue(spool, job);
    const { lease } = await takeOne(spool);
    clock.advance(5);
    expect(await spool.settle(lease, dead({ reason, detail: "why" }))).toBe(true);
    const found = await spool.find(id);
    expect(found).toMatchObject({
      state: "dead",
      reason,
      detail: "why",
      endedAt: clock.wall(),
      dueAt: null,
      attempts: 1,
      sends: 1,
      tries: [tried(0)],
    });
    expect(found?.request).toEqual(job.request);
    expect(Buffer.from(found?.body ?? []).equals(Buffer.from(job.body))).toBe(true);
    expect(await take(spool)).toEqual([]);
  });

  test("a job that died without a send has spent no attempt, and needs no detail", async () => {
    const { spool, clock } = await start();
    const id = await queue(spool, newJob(clock));
    await spool.settle((await takeOne(spool)).lease, dead({ tries: [], reason: "gone", detail: null }));
    expect(await spool.find(id)).toMatchObject({ attempts: 0, sends: 0, reason: "gone", detail: null, tries: [] });
  });

  test("a lease is settled once: the second time is refused, whatever it says", async () => {
    const { spool, clock } = await start();
    const made = await queueAll(spool, [newJob(clock), newJob(clock), newJob(clock)]);
    const settlements = [delivered(), again(0, 1000), dead()];
    const jobs = await take(spool);
    for (const [i, job] of jobs.entries()) expect(await spool.settle(job.lease, settlements[i]!)).toBe(true);
    const before = await Promise.all(made.map((id) => spool.find(id)));
    for (const job of jobs) {
      for (const settlement of settlements) expect(await spool.settle(job.lease, settlement)).toBe(false);
    }
    expect(await Promise.all(made.map((id) => spool.find(id)))).toEqual(before);
  });

  test("a lease settled twice in one turn is settled once", async () => {
    const { spool, clock } = await start();
    const id = await queue(spool, newJob(clock));
    const { lease } = await takeOne(spool);
    const done = await Promise.all([spool.settle(lease, delivered()), spool.settle(lease, dead())]);
    expect(done).toEqual([true, false]);
    expect((await spool.find(id))?.state).toBe("delivered");
  });

  test("a slow first worker cannot overwrite a second", async () => {
    const { spool, clock } = await start();
    const id = await queue(spool, newJob(clock));
    const first = await takeOne(spool);
    await spool.settle(first.lease, givenBack);
    const second = await takeOne(spool);
    const before = await spool.find(id);
    expect(await spool.settle(first.lease, dead())).toBe(false);
    expect(await spool.find(id)).toEqual(before);
    expect(await spool.settle(second.lease, delivered())).toBe(true);
  });

  test("a lease of an earlier life does not fit a job that was retried", async () => {
    const { spool, clock } = await start();
    const id = await queue(spool, newJob(clock));
    const first = await takeOne(spool);
    await spool.settle(first.lease, dead());
    await spool.change("retry", [id]);
    expect(await spool.settle(first.lease, delivered())).toBe(false);
    const second = await takeOne(spool);
    expect(second.lease.attempt).not.toBe(first.lease.attempt);
    expect(await spool.settle(first.lease, delivered())).toBe(false);
    expect(await states(spool)).toEqual({ leased: 1 });
  });

  test("what was sent of a job that was cancelled meanwhile is kept with it, once, and it stays cancelled", async () => {
    const { spool, clock } = await start();
    const id = await queue(spool, newJob(clock));
    const { lease } = await takeOne(spool);
    await spool.change("cancel", [id]);
    expect(await spool.settle(lease, { ...again(0), spent: false, inDoubt: true })).toBe(false);
    expect(await spool.settle(lease, { ...again(0), spent: false, inDoubt: true })).toBe(false);
    const kept = { state: "cancelled", attempts: 0, sends: 1, inDoubt: true, tries: [tried(0)] };
    expect(await spool.find(id)).toMatchObject(kept);
    await spool.change("retry", [id]);
    expect(await takeOne(spool)).toMatchObject({ sends: 1, inDoubt: true });
  });

  test("a job that was retried after it was cancelled takes no sends of a lease from before", async () => {
    const { spool, clock } = await start();
    const id = await queue(spool, newJob(clock));
    const { lease } = await takeOne(spool);
    await spool.change("cancel", [id]);
    await spool.change("retry", [id]);
    expect(await spool.settle(lease, delivered())).toBe(false);
    expect(await spool.find(id)).toMatchObject({ state: "queued", sends: 0, tries: [] });
  });

  test("a lease of no job, or of another attempt, is refused", async () => {
    const { spool, clock } = await start();
    await queue(spool, newJob(clock));
    const { lease } = await takeOne(spool);
    for (const attempt of [lease.attempt - 1, lease.attempt + 1]) {
      expect(await spool.settle({ id: lease.id, attempt }, delivered())).toBe(false);
    }
    expect(await spool.settle({ ...lease, id: "018bcfe5-6800-7abc-8000-0123456789ab" }, delivered())).toBe(false);
    expect(await states(spool)).toEqual({ leased: 1 });
  });
}
