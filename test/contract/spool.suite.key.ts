import { expect, test } from "vitest";
import type { IdempotencyKey } from "../../src/spool/port.ts";
import { delivered, kill, newJob, POLL, queue, type Start, states, sweepAll, takeOne } from "./spool.rig.ts";

const key: IdempotencyKey = { hash: "aGFzaA", bodyHash: "Ym9keQ", ttlMs: 60_000 };

export function keySuite(start: Start): void {
  test("a known key with the same body gives the first id, and no second job", async () => {
    const { spool, clock } = await start();
    const id = await queue(spool, newJob(clock, { key }));
    clock.advance(key.ttlMs - 1);
    expect(await spool.put(newJob(clock, { key }))).toEqual({ kind: "duplicate", id });
    expect(await states(spool)).toEqual({ queued: 1 });
  });

  test("a known key with another body is refused", async () => {
    const { spool, clock } = await start();
    const id = await queue(spool, newJob(clock, { key }));
    expect(await spool.put(newJob(clock, { key: { ...key, bodyHash: "b3RoZXI" } }))).toEqual({ kind: "conflict" });
    expect(await states(spool)).toEqual({ queued: 1 });
    expect(await spool.put(newJob(clock, { key }))).toEqual({ kind: "duplicate", id });
  });

  test("a key that is too old makes a new job, and is known again from then on", async () => {
    const { spool, clock } = await start();
    const first = await queue(spool, newJob(clock, { key }));
    clock.advance(key.ttlMs + 1);
    const second = await queue(spool, newJob(clock, { key }));
    expect(second).not.toBe(first);
    clock.advance(key.ttlMs - 1);
    expect(await spool.put(newJob(clock, { key }))).toEqual({ kind: "duplicate", id: second });
    expect(await states(spool)).toEqual({ queued: 2 });
  });

  test("a key that is too old may come with another body", async () => {
    const { spool, clock } = await start();
    await queue(spool, newJob(clock, { key }));
    clock.advance(key.ttlMs + 1);
    await sweepAll(spool);
    await queue(spool, newJob(clock, { key: { ...key, bodyHash: "b3RoZXI" } }));
  });

  test("a duplicate does not lengthen the life of a key", async () => {
    const { spool, clock } = await start();
    const id = await queue(spool, newJob(clock, { key }));
    clock.advance(key.ttlMs - 1);
    await spool.put(newJob(clock, { key }));
    clock.advance(2);
    expect(await queue(spool, newJob(clock, { key }))).not.toBe(id);
  });

  test("the same key on another route is another key", async () => {
    const { spool, clock } = await start();
    await queue(spool, newJob(clock, { key }));
    await queue(spool, newJob(clock, { ...POLL, key }));
    await queue(spool, newJob(clock, { capability: "other", key: { ...key, bodyHash: "b3RoZXI" } }));
    expect(await states(spool)).toEqual({ queued: 3 });
  });

  test("a key that is put twice in one turn makes one job", async () => {
    const { spool, clock } = await start();
    const receipts = await Promise.all([1, 2, 3].map(() => spool.put(newJob(clock, { key }))));
    expect(receipts.map(({ kind }) => kind).sort()).toEqual(["duplicate", "duplicate", "queued"]);
    expect(new Set(receipts.map((receipt) => "id" in receipt && receipt.id)).size).toBe(1);
    expect(await states(spool)).toEqual({ queued: 1 });
  });

  test("a key is known while its job is sent, when it is delivered, and when it is gone", async () => {
    const { spool, clock } = await start({ retainDeliveredMs: 1000 });
    const id = await queue(spool, newJob(clock, { key }));
    const duplicate = { kind: "duplicate", id };
    const { lease } = await takeOne(spool);
    expect(await spool.put(newJob(clock, { key }))).toEqual(duplicate);
    await spool.settle(lease, delivered());
    expect(await spool.put(newJob(clock, { key }))).toEqual(duplicate);
    clock.advance(1001);
    await sweepAll(spool);
    expect(await spool.find(id)).toBeNull();
    expect(await spool.put(newJob(clock, { key }))).toEqual(duplicate);
  });

  test("a caller who repeats a key is answered though the spool is full, and one refused for that may come again", async () => {
    const { spool, clock } = await start({ maxJobs: 1 });
    const id = await queue(spool, newJob(clock, { key }));
    const later = { ...key, hash: "bGF0ZXI" };
    expect(await spool.put(newJob(clock, { key: later }))).toEqual({ kind: "full", bound: "jobs" });
    expect(await spool.put(newJob(clock, { key }))).toEqual({ kind: "duplicate", id });
    expect(await spool.put(newJob(clock, { key: { ...key, bodyHash: "b3RoZXI" } }))).toEqual({ kind: "conflict" });
    await spool.settle((await takeOne(spool)).lease, delivered());
    await queue(spool, newJob(clock, { key: later }));
  });

  test("a key outlives a kill", async ({ skip }) => {
    const opened = await start();
    const id = await queue(opened.spool, newJob(opened.clock, { key }));
    const { spool, clock } = await kill(opened, skip);
    expect(await spool.put(newJob(clock, { key }))).toEqual({ kind: "duplicate", id });
  });
}
