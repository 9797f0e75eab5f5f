import { expect, test } from "vitest";
import {
  again,
  claim,
  dead,
  delivered,
  givenBack,
  good,
  kill,
  newJob,
  POLL,
  poll,
  queue,
  queueAll,
  routeOf,
  type Start,
  states,
  sweepAll,
  take,
  takeOne,
  takePoll,
  takePolls,
  verifying,
} from "./spool.rig.ts";

/** What goes on with a job after its good answer, where somebody asks whether it was done. */
export function verifySuite(start: Start): void {
  const begun = async (more = {}) => {
    const opened = await start();
    const id = await queue(opened.spool, newJob(opened.clock, more));
    expect(await opened.spool.settle((await takeOne(opened.spool)).lease, verifying())).toBe(true);
    return { ...opened, id };
  };

  test("a job with a good answer waits to be asked about, with its send, what is asked and until when", async () => {
    const { spool, clock, id } = await begun();
    expect(await spool.find(id)).toMatchObject({
      state: "verifying",
      dueAt: clock.wall() + 1000,
      endedAt: null,
      attempts: 0,
      sends: 1,
      tries: [good(0)],
      poll: { ...poll(), until: clock.wall() + 60_000 },
    });
    expect(await states(spool)).toEqual({ verifying: 1 });
    expect(await routeOf(spool)).toEqual({ first: 0, retry: 0, behind: 0, leased: 0, verifying: 1, dead: {} });
  });

  test("it is not sent meanwhile, and asked about when that is due, not before", async () => {
    const { spool, clock } = await begun();
    expect(await take(spool)).toEqual([]);
    expect(await claim(spool, { lane: "verify" })).toMatchObject({ polls: [], jobs: [], more: false, nextInMs: 1000 });
    clock.advance(1000);
    expect(await takePoll(spool)).toMatchObject({
      requestId: "req-1",
      poll: poll(),
      leftMs: 59_000,
      attempts: 0,
      sends: 1,
      origin: "async",
      ageMs: 1000,
    });
    expect(await states(spool)).toEqual({ verifying: 1 });
    expect(await takePolls(spool)).toEqual([]);
  });

  test("of those that are due no more are given than asked for, the longest due first, and there are more", async () => {
    const { spool, clock } = await start();
    const made = await queueAll(spool, [newJob(clock), newJob(clock), newJob(clock)]);
    for (const { lease } of await take(spool)) {
      await spool.settle(lease, verifying({ delayMs: 3000 - 1000 * made.indexOf(lease.id) }));
    }
    clock.advance(2000);
    const first = await claim(spool, { lane: "verify", max: 1 });
    expect(first).toMatchObject({ polls: [{ lease: { id: made[2] } }], more: true, nextInMs: null });
    const second = await claim(spool, { lane: "verify", max: 5 });
    expect(second).toMatchObject({ polls: [{ lease: { id: made[1] } }], more: false, nextInMs: 1000 });
    expect(await takePolls(spool, { ...POLL })).toEqual([]);
  });

  test("a poll that told nothing is followed by the next, and what it said is kept", async () => {
    const { spool, clock, id } = await begun();
    clock.advance(1000);
    const { lease } = await takePoll(spool);
    const next = poll({ polls: 1, last: "/state is running" });
    const settlement = verifying({ tries: [], poll: next, delayMs: 2000, forMs: null });
    expect(await spool.settle(lease, settlement)).toBe(true);
    expect(await spool.settle(lease, settlement)).toBe(false);
    expect(await spool.find(id)).toMatchObject({ state: "verifying", sends: 1, poll: next, tries: [good(0)] });
    clock.advance(2000);
    expect(await takePoll(spool)).toMatchObject({ poll: next, leftMs: 57_000 });
  });

  test("one that was verified is delivered, and that was its attempt", async () => {
    const { spool, clock, id } = await begun();
    clock.advance(1000);
    expect(await spool.settle((await takePoll(spool)).lease, { kind: "delivered", tries: [] })).toBe(true);
    expect(await spool.find(id)).toMatchObject({ state: "delivered", attempts: 1, sends: 1, poll: null });
    expect(await states(spool)).toEqual({ delivered: 1 });
  });

  test("one that failed is sent again, as a retry that spent an attempt", async () => {
    const { spool, clock, id } = await begun();
    clock.advance(1000);
    expect(await spool.settle((await takePoll(spool)).lease, { ...again(1, 500), tries: [] })).toBe(true);
    expect(await spool.find(id)).toMatchObject({ state: "queued", attempts: 1, sends: 1, poll: null });
    expect(await takePolls(spool)).toEqual([]);
    clock.advance(500);
    expect((await claim(spool, { lane: "retry" })).jobs).toMatchObject([{ attempts: 1, sends: 1 }]);
  });

  test("or it is dead of it", async () => {
    const { spool, clock, id } = await begun();
    clock.advance(1000);
    await spool.settle((await takePoll(spool)).lease, dead({ tries: [], reason: "verification_failed" }));
    expect(await spool.find(id)).toMatchObject({ state: "dead", reason: "verification_failed", attempts: 1 });
    await spool.change("retry", [id]);
    expect((await takeOne(spool)).lease.id).toBe(id);
  });

  test("it holds its order key until it has ended, also while its app is asked", async () => {
    const { spool, clock } = await begun({ orderKey: "room-1" });
    const next = await queue(spool, newJob(clock, { orderKey: "room-1" }));
    expect(await take(spool)).toEqual([]);
    expect(await routeOf(spool)).toMatchObject({ behind: 1, verifying: 1 });
    clock.advance(1000);
    const { lease } = await takePoll(spool);
    expect(await take(spool)).toEqual([]);
    await spool.settle(lease, verifying({ tries: [] }));
    expect(await take(spool)).toEqual([]);
    clock.advance(1000);
    await spool.settle((await takePoll(spool)).lease, { kind: "delivered", tries: [] });
    expect((await takeOne(spool)).lease.id).toBe(next);
  });

  test("it stays what it is, and first, when others of its order key come, end or return", async () => {
    const { spool, clock } = await start();
    const orderKey = "room-1";
    const early = await queue(spool, newJob(clock, { orderKey }));
    await spool.settle((await takeOne(spool)).lease, dead());
    const id = await queue(spool, newJob(clock, { orderKey }));
    await spool.settle((await takeOne(spool)).lease, verifying());
    const late = await queue(spool, newJob(clock, { orderKey }));
    await spool.change("cancel", [late]);
    await spool.change("retry", [early]);
    expect(await states(spool)).toEqual({ verifying: 1, queued: 1, cancelled: 1 });
    expect(await take(spool)).toEqual([]);
    clock.advance(1000);
    const { lease } = await takePoll(spool);
    expect(lease.id).toBe(id);
    await spool.settle(lease, { kind: "delivered", tries: [] });
    expect((await takeOne(spool)).lease.id).toBe(early);
  });

  test("one that failed goes again before those behind it", async () => {
    const { spool, clock, id } = await begun({ orderKey: "room-1" });
    await queue(spool, newJob(clock, { orderKey: "room-1" }));
    clock.advance(1000);
    await spool.settle((await takePoll(spool)).lease, { ...again(1), tries: [] });
    expect((await takeOne(spool)).lease.id).toBe(id);
  });

  test("whoever no longer has the lease of a poll changes nothing", async () => {
    const { spool, clock, id } = await begun();
    clock.advance(1000);
    const { lease } = await takePoll(spool);
    await spool.hold([]);
    expect((await takePoll(spool)).lease.attempt).not.toBe(lease.attempt);
    expect(await spool.settle(lease, delivered())).toBe(false);
    expect(await spool.settle(lease, givenBack)).toBe(false);
    expect(await spool.find(id)).toMatchObject({ state: "verifying", inDoubt: false });
  });

  test("after a kill it is asked about again at once, wherever it was", async ({ skip }) => {
    const opened = await begun();
    const waits = await queue(opened.spool, newJob(opened.clock, { requestId: "req-2" }));
    await opened.spool.settle((await takeOne(opened.spool)).lease, verifying({ delayMs: 5000 }));
    opened.clock.advance(1000);
    await takePoll(opened.spool);
    const { spool, clock } = await kill(opened, skip);
    expect(await states(spool)).toEqual({ verifying: 2 });
    expect(await take(spool)).toEqual([]);
    expect(await takePoll(spool)).toMatchObject({ lease: { id: opened.id }, poll: poll(), inDoubt: false });
    clock.advance(4000);
    expect(await takePoll(spool)).toMatchObject({ lease: { id: waits }, requestId: "req-2" });
  });

  test("an operator may cancel it, or have it sent again", async () => {
    const { spool, clock, id } = await begun();
    const other = await queue(spool, newJob(clock));
    await spool.settle((await takeOne(spool)).lease, verifying());
    clock.advance(1000);
    const polls = await takePolls(spool);
    expect(await spool.change("cancel", [id])).toMatchObject([{ id, state: "verifying" }]);
    expect(await spool.change("resend", [other])).toMatchObject([{ id: other, state: "verifying" }]);
    for (const { lease } of polls) expect(await spool.settle(lease, verifying({ tries: [] }))).toBe(false);
    expect(await states(spool)).toEqual({ cancelled: 1, queued: 1 });
    expect(await spool.find(other)).toMatchObject({ poll: null, attempts: 0 });
    expect((await takeOne(spool)).lease.id).toBe(other);
  });

  test("it counts among the jobs that have not ended", async () => {
    const { spool, clock } = await start({ maxJobs: 1 });
    await queue(spool, newJob(clock));
    await spool.settle((await takeOne(spool)).lease, verifying());
    expect(await spool.put(newJob(clock))).toEqual({ kind: "full", bound: "jobs" });
    clock.advance(10);
    expect((await spool.survey()).oldestAgeMs).toBe(10);
  });

  test("too old, it is still given to who asks, and only a minute later expires where nobody does", async () => {
    const { spool, clock, id } = await begun({ maxAgeMs: 10_000 });
    clock.advance(10_000);
    const { lease, expiresInMs } = await takePoll(spool);
    expect(expiresInMs).toBe(0);
    await spool.settle(lease, verifying({ tries: [], delayMs: 0 }));
    clock.advance(59_999);
    expect(await sweepAll(spool)).toEqual([]);
    clock.advance(1);
    const { expired, lapsed } = await spool.sweep();
    expect(expired).toMatchObject([{ id, state: "dead", reason: "expired" }]);
    expect(lapsed).toMatchObject([{ id, state: "verifying" }]);
  });

  ofCalls(start);
}

function ofCalls(start: Start): void {
  const record = async () => {
    const opened = await start();
    const verify = { poll: poll(), delayMs: 1000, forMs: 60_000 };
    const job = newJob(opened.clock, { origin: "sync", verify, sends: 1, tries: [good(0)], body: Buffer.alloc(0) });
    return { ...opened, id: await queue(opened.spool, job) };
  };

  test("of a call that has its answer nothing is kept but what is asked, and it is never sent", async () => {
    const { spool, clock, id } = await record();
    expect(await spool.find(id)).toMatchObject({
      state: "verifying",
      origin: "sync",
      request: null,
      body: null,
      sends: 1,
      poll: { ...poll(), until: clock.wall() + 60_000 },
    });
    clock.advance(1000);
    expect(await take(spool)).toEqual([]);
    expect(await takePoll(spool)).toMatchObject({ lease: { id }, origin: "sync", poll: poll(), leftMs: 59_000 });
  });

  test.for(["delivered", "dead", "cancelled"])("it is gone with its end: %s", async (how) => {
    const { spool, clock, id } = await record();
    clock.advance(1000);
    const { lease } = await takePoll(spool);
    if (how === "cancelled") expect(await spool.change("cancel", [id])).toMatchObject([{ id, origin: "sync" }]);
    else if (how === "delivered") await spool.settle(lease, { kind: "delivered", tries: [] });
    else await spool.settle(lease, dead({ tries: [], reason: "verification_failed" }));
    expect(await spool.find(id)).toBeNull();
    expect(await states(spool)).toEqual({});
    expect(await routeOf(spool)).toMatchObject({ verifying: 0, dead: {} });
  });

  test("an operator can't send it, for there is nothing to send", async () => {
    const { spool, id } = await record();
    expect(await spool.change("resend", [id])).toEqual([]);
    expect(await states(spool)).toEqual({ verifying: 1 });
  });

  test("it survives a kill", async ({ skip }) => {
    const opened = await record();
    const { spool, clock } = await kill(opened, skip);
    clock.advance(1000);
    expect(await takePoll(spool)).toMatchObject({ lease: { id: opened.id }, origin: "sync" });
  });

  test("where nobody asks, it lapses and is not among the dead", async () => {
    const { spool, clock, id } = await record();
    clock.advance(86_400_000 + 60_000);
    const { expired, lapsed } = await spool.sweep();
    expect(expired).toEqual([]);
    expect(lapsed).toMatchObject([{ id, origin: "sync" }]);
    expect(await states(spool)).toEqual({});
  });
}
