import { expect, test } from "vitest";
import { OWN_APP } from "../../src/core/job.ts";
import {
  again,
  dead,
  delivered,
  kill,
  newJob,
  POLL,
  QUIZ,
  queue,
  queueAll,
  routeOf,
  type Start,
  states,
  sweepAll,
  take,
  takeOne,
} from "./spool.rig.ts";

export function surveySuite(start: Start): void {
  test("an empty spool has every state, with nothing in it", async () => {
    const { spool } = await start();
    const survey = await spool.survey();
    expect(survey.states).toEqual({ queued: 0, leased: 0, verifying: 0, delivered: 0, dead: 0, cancelled: 0 });
    expect(survey).toMatchObject({ routes: [], oldestAgeMs: null, full: null });
  });

  test("jobs are counted by route and lane, each once: those behind another of their key are in neither lane", async () => {
    const { spool, clock } = await start();
    await queueAll(spool, [newJob(clock), newJob(clock), newJob(clock, POLL)]);
    expect(await routeOf(spool)).toEqual({ first: 2, retry: 0, behind: 0, leased: 0, verifying: 0, dead: {} });
    const [a, b] = await take(spool);
    await spool.settle(a!.lease, again(0, 60_000));
    expect(await routeOf(spool)).toEqual({ first: 0, retry: 1, behind: 0, leased: 1, verifying: 0, dead: {} });
    await spool.settle(b!.lease, delivered());
    const orderKey = "k";
    await queueAll(spool, [newJob(clock, { orderKey }), newJob(clock, { orderKey }), newJob(clock, { orderKey })]);
    expect(await routeOf(spool)).toEqual({ first: 1, retry: 1, behind: 2, leased: 0, verifying: 0, dead: {} });
    const { lease } = await takeOne(spool);
    expect(await routeOf(spool)).toEqual({ first: 0, retry: 1, behind: 2, leased: 1, verifying: 0, dead: {} });
    await spool.settle(lease, delivered());
    expect(await routeOf(spool)).toEqual({ first: 1, retry: 1, behind: 1, leased: 0, verifying: 0, dead: {} });
    expect(await routeOf(spool, POLL)).toEqual({ first: 1, retry: 0, behind: 0, leased: 0, verifying: 0, dead: {} });
    expect(await states(spool)).toEqual({ queued: 4, delivered: 2 });
  });

  test("a dead job that blocks leaves the others of its key behind", async () => {
    const { spool, clock } = await start();
    await queueAll(spool, [newJob(clock, { orderKey: "k" }), newJob(clock, { orderKey: "k" })]);
    const { lease } = await takeOne(spool);
    await spool.settle(lease, dead({ release: false }));
    expect(await routeOf(spool)).toMatchObject({ first: 0, behind: 1, dead: { permanent_status: 1 } });
    await spool.change("delete", [lease.id]);
    expect(await routeOf(spool)).toEqual({ first: 1, retry: 0, behind: 0, leased: 0, verifying: 0, dead: {} });
  });

  test("the dead are counted by route and reason, the cancelled among them", async () => {
    const { spool, clock } = await start();
    await queueAll(spool, [newJob(clock), newJob(clock), newJob(clock)]);
    const [a, b, c] = await take(spool);
    await spool.settle(a!.lease, dead({ reason: "gone" }));
    await spool.settle(b!.lease, dead({ reason: "gone" }));
    await spool.change("cancel", [c!.lease.id]);
    await queue(spool, newJob(clock, { maxAgeMs: 10 }));
    clock.advance(11);
    await sweepAll(spool);
    expect((await routeOf(spool)).dead).toEqual({ gone: 2, cancelled: 1, expired: 1 });
    expect(await states(spool)).toEqual({ dead: 3, cancelled: 1 });
    await spool.change("retry", [a!.lease.id, c!.lease.id]);
    expect((await routeOf(spool)).dead).toEqual({ gone: 1, expired: 1 });
    await spool.change("delete", [b!.lease.id]);
    expect(await routeOf(spool)).toEqual({
      first: 1,
      retry: 1,
      behind: 0,
      leased: 0,
      verifying: 0,
      dead: { expired: 1 },
    });
  });

  test("an import is counted", async () => {
    const { spool, clock } = await start();
    const id = "018bcfe5-6800-7abc-8000-0123456789ab";
    await spool.put(newJob(clock, { origin: "import", dead: { id, reason: "gone", detail: null } }));
    expect(await routeOf(spool)).toMatchObject({ dead: { gone: 1 } });
  });

  test("the age of the oldest job that has not ended is told", async () => {
    const { spool, clock } = await start();
    const age = async () => (await spool.survey()).oldestAgeMs;
    const first = await queue(spool, newJob(clock));
    clock.advance(3000);
    await queue(spool, newJob(clock));
    clock.advance(1000);
    expect(await age()).toBe(4000);
    const [a, b] = await take(spool);
    expect(a?.lease.id).toBe(first);
    expect(await age()).toBe(4000);
    await spool.settle(a!.lease, delivered());
    expect(await age()).toBe(1000);
    await spool.settle(b!.lease, dead());
    expect(await age()).toBeNull();
  });

  test("what is the sidecar's own is not the oldest, however long it waits", async () => {
    const { spool, clock } = await start();
    const age = async () => (await spool.survey()).oldestAgeMs;
    for (let n = 0; n < 3; n++) await queue(spool, newJob(clock, { app: OWN_APP, capability: "chat" }));
    clock.advance(3000);
    expect(await age()).toBeNull();
    await queue(spool, newJob(clock));
    clock.advance(1000);
    expect(await age()).toBe(1000);
  });

  test("a dead job that is retried is the oldest again, however long its neighbours have ended", async () => {
    const { spool, clock } = await start();
    const age = async () => (await spool.survey()).oldestAgeMs;
    await queueAll(spool, [newJob(clock), newJob(clock)]);
    const [a, b] = await take(spool);
    await spool.settle(a!.lease, dead());
    await spool.settle(b!.lease, delivered());
    expect(await age()).toBeNull();
    clock.advance(3000);
    await queue(spool, newJob(clock));
    expect(await age()).toBe(0);
    await spool.change("retry", [a!.lease.id]);
    expect(await age()).toBe(3000);
  });

  test("the counts are the same after a kill, but that what was out waits again", async ({ skip }) => {
    const opened = await start();
    const { clock } = opened;
    const jobs = [newJob(clock), newJob(clock), newJob(clock, { orderKey: "k" }), newJob(clock, { orderKey: "k" })];
    await queueAll(opened.spool, jobs);
    const [a, b] = await take(opened.spool);
    await opened.spool.settle(a!.lease, again(0, 1000));
    await opened.spool.settle(b!.lease, dead());
    const { spool } = await kill(opened, skip);
    expect(await routeOf(spool, QUIZ)).toEqual({
      first: 1,
      retry: 1,
      behind: 1,
      leased: 0,
      verifying: 0,
      dead: { permanent_status: 1 },
    });
  });
}
