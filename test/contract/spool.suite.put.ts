import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { claim, ids, newJob, queue, queueAll, type Start, states, take, takeOne, tried } from "./spool.rig.ts";

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

export function putSuite(start: Start): void {
  test("a job comes back as it was put, to its worker and to whoever looks", async () => {
    const { spool, clock } = await start();
    const job = newJob(clock);
    const id = await queue(spool, job);
    clock.advance(250);
    const leased = await takeOne(spool);
    expect(leased).toMatchObject({
      app: "quiz",
      capability: "winner",
      requestId: "req-1",
      attempts: 0,
      sends: 0,
      inDoubt: false,
      origin: "async",
      at: job.at,
      ageMs: 250,
      expiresInMs: job.maxAgeMs - 250,
    });
    expect(leased.request).toEqual(job.request);
    expect(leased.lease.id).toBe(id);
    const found = await spool.find(id);
    expect(found).toMatchObject({
      app: "quiz",
      capability: "winner",
      id,
      requestId: "req-1",
      at: job.at,
      endedAt: null,
      expiresAt: job.at + job.maxAgeMs,
      origin: "async",
      orderKey: null,
      size: job.body.length,
      tries: [],
    });
    expect(found?.request).toEqual(job.request);
  });

  test.for([
    ["of no byte", Buffer.alloc(0)],
    ["of every byte", Buffer.from(Array.from({ length: 256 }, (_, i) => i))],
    ["of random bytes", randomBytes(10_000)],
    ["of 1 MiB", randomBytes(2 ** 20)],
  ] as const)("a body %s is kept to the byte", async ([, body]) => {
    const { spool, clock } = await start();
    const id = await queue(spool, newJob(clock, { body }));
    const found = await spool.find(id);
    expect(found?.size).toBe(body.length);
    expect(body.equals(found?.body ?? Buffer.from("none"))).toBe(true);
    expect((await takeOne(spool)).body.equals(body)).toBe(true);
  });

  test("the body may be overwritten as soon as put has returned", async () => {
    const { spool, clock } = await start();
    const body = Buffer.from("as it came");
    const done = queue(spool, newJob(clock, { body }));
    body.fill(0);
    await done;
    expect((await takeOne(spool)).body.toString()).toBe("as it came");
  });

  test("ids are UUIDs of version 7, of the time of the put, and no two are equal", async () => {
    const { spool, clock } = await start();
    const made = await Promise.all(Array.from({ length: 50 }, () => queue(spool, newJob(clock))));
    expect(new Set(made).size).toBe(50);
    for (const id of made) {
      expect(id).toMatch(UUID_V7);
      expect(Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16)).toBe(clock.wall());
    }
  });

  test("a job without request id bears its own id as one", async () => {
    const { spool, clock } = await start();
    const id = await queue(spool, newJob(clock, { requestId: null }));
    expect((await spool.find(id))?.requestId).toBe(id);
    expect((await takeOne(spool)).requestId).toBe(id);
  });

  test("what a synchronous call sent before is kept, and the job waits among the retries", async () => {
    const { spool, clock } = await start();
    const tries = [tried(0), tried(1, { reason: "timeout", status: 0 })];
    const id = await queue(spool, newJob(clock, { origin: "fallback", sends: 2, tries, inDoubt: true }));
    expect(await spool.find(id)).toMatchObject({ origin: "fallback", sends: 2, attempts: 0, inDoubt: true, tries });
    expect((await claim(spool, { lane: "first" })).jobs).toEqual([]);
    const { jobs } = await claim(spool, { lane: "retry" });
    expect(jobs).toMatchObject([{ origin: "fallback", sends: 2, attempts: 0, inDoubt: true }]);
  });

  test("a new job is due at once", async () => {
    const { spool, clock } = await start();
    const id = await queue(spool, newJob(clock));
    expect(await spool.find(id)).toMatchObject({ state: "queued", reason: null, dueAt: clock.wall() });
    expect(ids(await take(spool))).toEqual([id]);
  });

  test("jobs put in one turn are all there, in the order of their put", async () => {
    const { spool, clock } = await start();
    const receipts = await Promise.all(Array.from({ length: 20 }, () => queue(spool, newJob(clock))));
    expect(ids(await take(spool))).toEqual(receipts);
  });

  test("an import is dead under the id it had, with its reason, and is not due", async () => {
    const { spool, clock } = await start();
    const id = "018bcfe5-6800-7abc-8000-0123456789ab";
    const tries = [tried(0)];
    const job = newJob(clock, { origin: "import", sends: 1, tries });
    const receipt = await spool.put({ ...job, dead: { id, reason: "gone", detail: "410" } });
    expect(receipt).toEqual({ kind: "queued", id });
    const found = await spool.find(id);
    expect(found).toMatchObject({ id, state: "dead", reason: "gone", detail: "410", dueAt: null, sends: 1, tries });
    expect(found?.endedAt).toBe(clock.wall());
    expect(await take(spool)).toEqual([]);
  });

  test("an import of a known id is refused, whatever state that job is in", async () => {
    const { spool, clock } = await start();
    const [waiting = ""] = await queueAll(spool, [newJob(clock)]);
    const id = "018bcfe5-6800-7abc-8000-0123456789ab";
    const bring = (as: string) =>
      spool.put(newJob(clock, { origin: "import", dead: { id: as, reason: "expired", detail: null } }));
    expect(await bring(id)).toEqual({ kind: "queued", id });
    expect(await bring(id)).toEqual({ kind: "conflict" });
    expect(await bring(waiting)).toEqual({ kind: "conflict" });
    expect(await states(spool)).toEqual({ queued: 1, dead: 1 });
  });

  test("an import of a cancelled job is cancelled", async () => {
    const { spool, clock } = await start();
    const id = "018bcfe5-6800-7abc-8000-0123456789ab";
    await spool.put(newJob(clock, { origin: "import", dead: { id, reason: "cancelled", detail: null } }));
    expect(await states(spool)).toEqual({ cancelled: 1 });
  });

  test("an import can be retried under its id", async () => {
    const { spool, clock } = await start();
    const id = "018bcfe5-6800-7abc-8000-0123456789ab";
    await spool.put(newJob(clock, { origin: "import", dead: { id, reason: "expired", detail: null } }));
    await spool.change("retry", [id]);
    expect(ids(await take(spool))).toEqual([id]);
  });
}
