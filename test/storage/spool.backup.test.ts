import { copyFileSync, existsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { copyPath } from "../../src/storage/directory.ts";
import { ids, newJob, queueAll, take } from "../contract/spool.rig.ts";
import { check, openFiles } from "./spool.files.ts";
import { tempDir } from "./support.ts";

const BODY = Buffer.alloc(20_000, "a body");

/** The copy as a data directory of its own. */
function restored(copy: string): string {
  const dir = tempDir();
  copyFileSync(copy, join(dir, "spool.db"));
  return dir;
}

test("a backup while jobs are put opens, is sound, and has every job that was acknowledged before", async () => {
  const { spool, clock } = await openFiles();
  const job = newJob(clock, { body: BODY });
  const before = await queueAll(spool, Array(100).fill(job));
  const copy = join(tempDir(), "copy.db");
  const after: string[] = [];
  let done = false;
  const backup = spool.backup(copy).then(() => {
    done = true;
  });
  while (!done) after.push(...(await queueAll(spool, [job])));
  await backup;
  expect(check(copy)).toBe("ok");
  const second = await openFiles(restored(copy));
  const held = ids(await take(second.spool));
  expect(held.slice(0, before.length)).toEqual(before);
  // Of those that came meanwhile it has some, without a gap.
  const rest = held.slice(before.length);
  expect(rest).toEqual(after.slice(0, rest.length));
  expect((await second.spool.survey()).states).toMatchObject({ leased: held.length, queued: 0 });
  expect(second.told).toEqual([]);
});

test("a backup is for its owner only, as the file is", async () => {
  const { spool } = await openFiles();
  const copy = join(tempDir(), "copy.db");
  await spool.backup(copy);
  expect(statSync(copy).mode & 0o777).toBe(0o600);
});

test("what is left of copies that were broken off is removed at the next start, and nothing else", async () => {
  const dir = tempDir();
  const left = [copyPath(dir, 1_700_000_000_000), `${copyPath(dir, 1)}-journal`];
  const kept = ["spool.db.copy-mine", "spool.db.damaged-1700000000000"].map((name) => join(dir, name));
  for (const path of [...left, ...kept]) writeFileSync(path, "x");
  await openFiles(dir);
  expect(left.map((path) => existsSync(path))).toEqual([false, false]);
  expect(kept.map((path) => existsSync(path))).toEqual([true, true]);
});

test("leases in a backup are nobody's: their jobs are due, in doubt", async () => {
  const { spool, clock } = await openFiles();
  const made = await queueAll(spool, [newJob(clock), newJob(clock)]);
  await take(spool);
  const copy = join(tempDir(), "copy.db");
  await spool.backup(copy);
  const second = await openFiles(restored(copy));
  const again = await take(second.spool);
  expect(ids(again)).toEqual(made);
  expect(again.every((job) => job.inDoubt)).toBe(true);
});

test("a backup to where nothing can be written rejects, and jobs go on", async () => {
  const { spool, clock } = await openFiles();
  await expect(spool.backup("/proc/nope/copy.db")).rejects.toMatchObject({ name: "StorageError" });
  await queueAll(spool, [newJob(clock)]);
});

test("a backup under way when the thread dies, or storage is closed, rejects", async () => {
  const { spool, clock, storage, die, back } = await openFiles();
  await queueAll(spool, Array(20).fill(newJob(clock, { body: BODY })));
  const dying = expect(spool.backup(join(tempDir(), "copy.db"))).rejects.toMatchObject({ code: "thread" });
  await die();
  await dying;
  await back();
  await spool.backup(join(tempDir(), "copy.db"));
  await storage.close();
  await expect(spool.backup(join(tempDir(), "copy.db"))).rejects.toMatchObject({ name: "StorageError" });
});
