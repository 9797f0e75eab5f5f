import { type ChildProcessByStdio, spawn as spawnProcess, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Readable } from "node:stream";
import Sqlite from "better-sqlite3";
import { describe, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import type { StorageFailing } from "../../src/core/events.ts";
import { StorageError } from "../../src/storage/error.ts";
import { spawn } from "../../src/storage/spawn.ts";
import { openStorage, type Storage } from "../../src/storage/storage.ts";
import { breakerRow, junkPages, pagesWith, tempDir } from "./support.ts";

async function open(dataDir: string, onEvent: (event: StorageFailing) => void = () => {}): Promise<Storage> {
  const storage = await openStorage({ dataDir, clock: systemClock, onEvent });
  onTestFinished(() => storage.close());
  return storage;
}

const audit = (i: number) => ({ at: i, by: "ops", action: "breaker.reset", target: `quiz/${i}`, detail: "-" });
const revision = (i: number) => ({ hash: `h${i}`, at: i, by: "start", files: 1, bytes: 10, manifest: `{"i":${i}}` });

/** Arguments for a process of its own that has `storage` open on `dataDir`, does `body`, says so and stays. */
function programWith(dataDir: string, body: string): string[] {
  const at = (path: string): string => JSON.stringify(resolve(path));
  const code = `
    const { openStorage } = await import(${at("src/storage/storage.ts")});
    const { systemClock } = await import(${at("src/core/clock.ts")});
    const storage = await openStorage({ dataDir: ${JSON.stringify(dataDir)}, clock: systemClock, onEvent() {} });
    ${body}
    console.log("ready");
    setInterval(() => {}, 1000);
  `;
  return ["--input-type=module", "-e", code];
}

async function processWith(dataDir: string, body: string): Promise<ChildProcessByStdio<null, Readable, null>> {
  const child = spawnProcess(process.execPath, programWith(dataDir, body), { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  return child;
}

async function kill9(child: ChildProcessByStdio<null, Readable, null>): Promise<void> {
  child.kill("SIGKILL");
  await once(child, "exit");
}

describe("what is kept", () => {
  test("breakers: the newest row of each, through a restart", async () => {
    const dir = tempDir();
    const first = await open(dir);
    for (let i = 0; i < 100; i++) first.history.saveBreaker(breakerRow({ savedAt: i }));
    first.history.saveBreaker(breakerRow({ upstream: "backup", state: "half_open", until: null, savedAt: 200 }));
    await first.close();
    const second = await open(dir);
    expect(await second.history.loadBreakers()).toEqual([
      breakerRow({ savedAt: 99 }),
      breakerRow({ upstream: "backup", state: "half_open", until: null, savedAt: 200 }),
    ]);
  });

  test("revisions are numbered on, listed newest first in parts, with their manifests", async () => {
    const { history } = await open(tempDir());
    const numbers = await Promise.all([1, 2, 3].map((i) => history.addRevision(revision(i))));
    expect(numbers).toEqual([1, 2, 3]);
    expect(await history.addRevision(revision(3))).toBe(4);
    const part = await history.revisions({ limit: 3, cursor: null });
    expect(part.items.map((item) => item.hash)).toEqual(["h3", "h3", "h2"]);
    expect(await history.revisions({ limit: 3, cursor: part.next })).toEqual({
      items: [{ revision: 1, hash: "h1", at: 1, by: "start", files: 1, bytes: 10 }],
      next: null,
    });
    expect(await history.manifestOf(4)).toBe('{"i":3}');
    expect(await history.manifestOf(99)).toBe(null);
  });

  test("manifests are kept for the fifty newest, revisions for longer", async () => {
    const { history } = await open(tempDir());
    await Promise.all(Array.from({ length: 60 }, (_, i) => history.addRevision(revision(i + 1))));
    expect(await history.manifestOf(10)).toBe(null);
    expect(await history.manifestOf(11)).toBe('{"i":11}');
    expect((await history.revisions({ limit: 1000, cursor: null })).items).toHaveLength(60);
  });

  test("audit entries, newest first in parts, and single facts", async () => {
    const { history } = await open(tempDir());
    await Promise.all(Array.from({ length: 5 }, (_, i) => history.addAudit(audit(i))));
    const part = await history.audit({ limit: 2, cursor: null });
    expect(part).toEqual({
      items: [
        { id: 5, ...audit(4) },
        { id: 4, ...audit(3) },
      ],
      next: 4,
    });
    expect((await history.audit({ limit: 5000, cursor: part.next })).items.map((item) => item.id)).toEqual([3, 2, 1]);
    await history.setMeta("k", "1");
    await history.setMeta("k", "2");
    expect([await history.meta("k"), await history.meta("none")]).toEqual(["2", null]);
  });

  test("what was flushed survives kill -9", async () => {
    const dir = tempDir();
    const row = JSON.stringify(breakerRow());
    const child = await processWith(dir, `storage.history.saveBreaker(${row}); await storage.flush();`);
    await kill9(child);
    const storage = await open(dir);
    expect(await storage.history.loadBreakers()).toEqual([breakerRow()]);
  });

  test("a save reaches the disk within moments, without a flush", async () => {
    const dir = tempDir();
    const storage = await open(dir);
    storage.history.saveBreaker(breakerRow());
    // Any later command of the same thread proves that the save before it is committed.
    await storage.history.meta("any");
    const beside = new Sqlite(join(dir, "history.db"), { readonly: true });
    onTestFinished(() => void beside.close());
    expect(beside.prepare("SELECT count(*) FROM breakers").pluck().get()).toBe(1);
  });
});

describe("a data directory", () => {
  test("is made for its owner only, and left clean", async () => {
    const dir = join(tempDir(), "deep", "data");
    const storage = await open(dir);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    expect(statSync(join(dir, "owner.db")).mode & 0o777).toBe(0o600);
    await storage.close();
    await storage.close();
    expect(readdirSync(dir).sort()).toEqual(["history.db", "owner.db", "spool.db"]);
    await expect(storage.history.meta("k")).rejects.toMatchObject({ code: "closed" });
  });

  test("has one owner at a time: a second process is told which, and kill -9 frees it", async () => {
    const dir = tempDir();
    const child = await processWith(dir, "");
    await expect(open(dir)).rejects.toThrow(
      new StorageError(
        "owned",
        `${dir} is in use by process ${child.pid}: stop that Outrigger, or set another data_dir`,
      ),
    );
    await kill9(child);
    await open(dir);
  });

  test("has one owner within a process too", async () => {
    const dir = tempDir();
    await using first = await open(dir);
    await expect(open(dir)).rejects.toMatchObject({
      code: "owned",
      message: expect.stringContaining("this very process"),
    });
    await first.history.setMeta("still", "mine");
    // The failed second opening must not have cost the first its lock, as closing any handle on the file can.
    const other = spawnSync(process.execPath, programWith(dir, ""), { encoding: "utf8" });
    expect(other.status).toBe(1);
    expect(other.stderr).toContain(`${dir} is in use by process ${process.pid}`);
  });

  test("with a file of a newer program is refused, and given free again", async () => {
    const dir = tempDir();
    await (await open(dir)).close();
    const newer = new Sqlite(join(dir, "history.db"));
    const version = Number(newer.pragma("user_version", { simple: true }));
    newer.pragma("user_version = 99");
    await expect(open(dir)).rejects.toMatchObject({ code: "newer" });
    newer.pragma(`user_version = ${version}`);
    newer.close();
    await open(dir);
  });

  test("with a damaged lock file is refused: letting a second owner in would be worse", async () => {
    const dir = tempDir();
    await (await open(dir)).close();
    junkPages(join(dir, "owner.db"), [1]);
    await expect(open(dir)).rejects.toThrow(/owner\.db is damaged: it holds no data, delete it once/);
  });

  // In /proc a directory is there and yet nothing can be made in it: `recursive` would try for ever.
  test.each(["/dev/null/data", "/proc/nope", "/proc/nope/deeper"])(
    "that cannot be made is a clear error: %s",
    async (dir) => {
      await expect(open(dir)).rejects.toMatchObject({
        code: "failed",
        message: expect.stringMatching(`data_dir: ${dir} can't be made .*set a directory that this user may write to`),
      });
    },
  );

  test("that cannot be made keeps no process from ending", () => {
    const child = spawnSync(process.execPath, programWith("/proc/nope", ""), { encoding: "utf8", timeout: 20_000 });
    expect(child).toMatchObject({ status: 1, stderr: expect.stringContaining("data_dir: /proc/nope can't be made") });
  });

  test("that was there keeps its mode", async () => {
    const dir = join(tempDir(), "data");
    mkdirSync(dir, { mode: 0o750 });
    await open(dir);
    expect(statSync(dir).mode & 0o777).toBe(0o750);
  });
});

test("a bad page that no command has met is found in the background, and what was readable is there", async () => {
  const dir = tempDir();
  const path = join(dir, "history.db");
  const before = await open(dir);
  await Promise.all(Array.from({ length: 2000 }, (_, i) => before.history.addAudit(audit(i))));
  before.history.saveBreaker(breakerRow());
  await before.close();
  junkPages(path, pagesWith(path, "quiz/7").slice(1, 2));

  const told = Promise.withResolvers<StorageFailing>();
  const after = await open(dir, told.resolve);
  const event = await told.promise;
  expect(event).toMatchObject({ type: "storage.failing", store: "history" });
  expect(event.detail).toMatch(
    /was damaged .* kept as .*history\.db\.damaged-\d+; recovered: breakers 1 rows, .*audit \d+ rows/,
  );
  expect(await after.history.loadBreakers()).toEqual([breakerRow()]);
  expect((await after.history.audit({ limit: 1000, cursor: null })).items).toHaveLength(1000);
});

test("a large file is read through by a thread of its own, which tells and ends", async () => {
  const dir = tempDir();
  const path = join(dir, "history.db");
  const storage = await open(dir);
  await Promise.all(Array.from({ length: 12 }, (_, i) => storage.history.setMeta(`${i}`, "x".repeat(1024 * 1024))));
  const check = async (): Promise<unknown> => {
    const thread = spawn("check", { path });
    const [[problems]] = await Promise.all([once(thread, "message"), once(thread, "exit")]);
    return problems;
  };
  expect(await check()).toEqual([]);
  await storage.close();
  // A page in the middle of such a value: its junk now points at a page that is not there.
  junkPages(path, [statSync(path).size / 4096 - 100]);
  const told = Promise.withResolvers<StorageFailing>();
  await open(dir, told.resolve);
  expect((await told.promise).detail).toContain("was damaged");
});
