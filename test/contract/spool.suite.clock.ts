import { expect, test } from "vitest";
import { again, ids, kill, newJob, queue, type Start, sweepAll, take, takeOne } from "./spool.rig.ts";

const HOUR_MS = 3_600_000;

export function clockSuite(start: Start): void {
  test("the wall clock set back an hour delays no job that is due", async () => {
    const { spool, clock } = await start();
    const id = await queue(spool, newJob(clock));
    clock.setWall(clock.wall() - HOUR_MS);
    const late = await queue(spool, newJob(clock));
    expect(ids(await take(spool))).toEqual([id, late]);
  });

  test("the wall clock set back an hour delays no retry", async () => {
    const { spool, clock } = await start();
    const id = await queue(spool, newJob(clock));
    await spool.settle((await takeOne(spool)).lease, again(0, 10_000));
    clock.advance(4000);
    clock.setWall(clock.wall() - HOUR_MS);
    clock.advance(5999);
    expect(await take(spool)).toEqual([]);
    clock.advance(1);
    expect(ids(await take(spool))).toEqual([id]);
  });

  test("the wall clock set back an hour lets a job live no longer", async () => {
    const { spool, clock } = await start();
    const id = await queue(spool, newJob(clock, { maxAgeMs: 10_000 }));
    clock.setWall(clock.wall() - HOUR_MS);
    clock.advance(10_001);
    expect(ids(await sweepAll(spool))).toEqual([id]);
  });

  test("the wall clock set back an hour lets a key and an answer live no longer", async () => {
    const { spool, clock } = await start();
    const key = { hash: "aGFzaA", bodyHash: "Ym9keQ", ttlMs: 1000 };
    const route = { app: "quiz", capability: "winner" };
    const id = await queue(spool, newJob(clock, { key }));
    await spool.remember(route, key, { status: 200, headers: [], body: Buffer.of(), outcome: "ok" });
    clock.setWall(clock.wall() - HOUR_MS);
    clock.advance(1001);
    expect(await spool.recall(route, key.hash)).toBeNull();
    expect(await queue(spool, newJob(clock, { key }))).not.toBe(id);
  });

  test("a job is as old as it is, whatever the wall clock was set to meanwhile", async () => {
    const { spool, clock } = await start();
    await queue(spool, newJob(clock, { maxAgeMs: 10_000 }));
    clock.setWall(clock.wall() - HOUR_MS);
    clock.advance(300);
    expect((await spool.survey()).oldestAgeMs).toBe(300);
    expect(await takeOne(spool)).toMatchObject({ ageMs: 300, expiresInMs: 9700 });
  });

  test("a wall clock set back while nothing ran delays no job that was due or out", async ({ skip }) => {
    const opened = await start();
    const out = await queue(opened.spool, newJob(opened.clock));
    await takeOne(opened.spool);
    const due = await queue(opened.spool, newJob(opened.clock));
    opened.clock.setWall(opened.clock.wall() - HOUR_MS);
    const { spool } = await kill(opened, skip);
    expect(ids(await take(spool)).sort()).toEqual([out, due].sort());
  });

  test("a wall clock set back while nothing ran delays no retry by more than its delay", async ({ skip }) => {
    const opened = await start();
    const id = await queue(opened.spool, newJob(opened.clock));
    await opened.spool.settle((await takeOne(opened.spool)).lease, again(0, 10_000));
    opened.clock.setWall(opened.clock.wall() - HOUR_MS);
    const { spool, clock } = await kill(opened, skip);
    clock.advance(10_000);
    expect(ids(await take(spool))).toEqual([id]);
  });
}
