import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import type { VerificationCount } from "../../src/core/stored.ts";
import { openStorage, type Storage } from "../../src/storage/storage.ts";
import { claim, newJob, poll, queue, states, take, takeOne, verifying } from "../contract/spool.rig.ts";
import { openFiles } from "./spool.files.ts";
import { tempDir } from "./support.ts";

async function open(dataDir: string): Promise<Storage> {
  const storage = await openStorage({ dataDir, clock: systemClock, onEvent: () => undefined });
  onTestFinished(() => storage.close());
  return storage;
}

const row = (hour: number, more: Partial<VerificationCount> = {}): VerificationCount => ({
  hour,
  app: "quiz",
  capability: "winner",
  verified: 1,
  failed: 0,
  unverified: 0,
  ...more,
});

test("counts of one route and hour add up, through a restart, and are summed since any hour", async () => {
  const dir = tempDir();
  const first = await open(dir);
  await first.history.addVerifications([row(500_000), row(500_000, { failed: 3 }), row(500_001)]);
  await first.close();
  const { history } = await open(dir);
  await history.addVerifications([row(500_001, { unverified: 2 }), row(500_001, { app: "poll" })]);
  const [all, later, none] = await history.verificationsSince([500_000, 500_001, 500_002]);
  const quiz = { app: "quiz", capability: "winner" };
  expect(all).toContainEqual({ ...quiz, verified: 4, failed: 3, unverified: 2 });
  expect(later).toContainEqual({ ...quiz, verified: 2, failed: 0, unverified: 2 });
  expect([all?.length, later?.length, none]).toEqual([2, 2, []]);
});

test("counts go after 90 days, in small steps", async () => {
  const dir = tempDir();
  const { history, close } = await open(dir);
  const old = Array.from({ length: 700 }, (_, i) => row(400_000 - (i % 7), { capability: `c-${i}` }));
  await history.addVerifications(old);
  await history.addVerifications([row(400_000 + 90 * 24 - 6)]);
  expect((await history.verificationsSince([0]))[0]).toHaveLength(701);
  await history.addVerifications([row(400_000 + 90 * 24 + 1)]);
  expect((await history.verificationsSince([0]))[0]?.length).toBe(701 - 500);
  await history.addVerifications([row(400_000 + 90 * 24 + 1)]);
  expect((await history.verificationsSince([0]))[0]).toEqual([
    { app: "quiz", capability: "winner", verified: 3, failed: 0, unverified: 0 },
  ]);
  await close();
});

test("a damaged file that lost what was to be asked: jobs are sent again, in doubt; records of calls are let go", async () => {
  const before = await openFiles();
  const job = await queue(before.spool, newJob(before.clock));
  await before.spool.settle((await takeOne(before.spool)).lease, verifying());
  const verify = { poll: poll(), delayMs: 1000, forMs: 60_000 };
  await queue(before.spool, newJob(before.clock, { origin: "sync", verify }));
  await before.storage.close();
  const db = new Sqlite(join(before.dir, "spool.db"));
  db.exec("DELETE FROM polls");
  db.close();

  const { spool, clock } = await openFiles(before.dir);
  clock.advance(1000);
  expect((await claim(spool, { lane: "verify" })).polls).toEqual([]);
  expect(await states(spool)).toEqual({ queued: 1 });
  expect(await take(spool)).toMatchObject([{ lease: { id: job }, inDoubt: true, sends: 1 }]);
});

test("a poll goes with its job, whatever its end", async () => {
  const { spool, clock, path, storage } = await openFiles();
  const ids: string[] = [];
  for (let n = 0; n < 4; n++) ids.push(await queue(spool, newJob(clock)));
  for (const { lease } of await take(spool)) await spool.settle(lease, verifying());
  await spool.change("cancel", [ids[0]!]);
  await spool.change("resend", [ids[1]!]);
  clock.advance(1000);
  const { polls } = await claim(spool, { lane: "verify" });
  await spool.settle(polls[0]!.lease, { kind: "delivered", tries: [] });
  await spool.settle(polls[1]!.lease, { kind: "again", tries: [], delayMs: 0, spent: true, inDoubt: false });
  await storage.close();
  const db = new Sqlite(path, { readonly: true });
  expect(db.prepare("SELECT count(*) FROM polls").pluck().get()).toBe(0);
  db.close();
});
