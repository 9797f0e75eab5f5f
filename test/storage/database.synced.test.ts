import { mkdirSync, renameSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openDatabase, type Schema } from "../../src/storage/database.ts";
import { tempDir } from "./support.ts";

/** What is told when: only what was flushed, and in its order. Told before `synced` returns means that nothing waits. */

function setup(path = join(tempDir(), "words.db")) {
  const options = { durable: true };
  const schema: Schema = {
    file: "words.db",
    migrations: [{ number: 1, sql: "CREATE TABLE words (word TEXT NOT NULL) STRICT;" }],
    commands(db, hook) {
      hook({ flush: () => {}, reload: () => {}, durable: () => options.durable });
      const add = db.prepare("INSERT INTO words VALUES (?)");
      return {
        add: (word: string) => void add.run(word),
        words: () => db.prepare("SELECT word FROM words").pluck().all(),
        durable: (on: boolean) => {
          options.durable = on;
        },
      };
    },
  };
  const db = openDatabase({ path, schema, wall: () => 0, onFailing: () => {} });
  onTestFinished(() => db.close());
  const told: string[] = [];
  const run = (name: string, urgent: boolean, ...commands: Parameters<typeof db.run>[0]): Promise<void> => {
    expect(db.run(commands).every(({ ok }) => ok)).toBe(true);
    return new Promise((resolve) => {
      db.synced(urgent, () => {
        told.push(name);
        resolve();
      });
    });
  };
  return { db, told, run };
}

test("a change is told when it is flushed: at once where somebody waits, else beside the thread", async () => {
  const { told, run } = setup();
  await run("urgent", true, ["add", "a"]);
  const beside = run("beside", false, ["add", "b"]);
  expect(told).toEqual(["urgent"]);
  await beside;
  expect(told).toEqual(["urgent", "beside"]);
});

test("what only read is told behind the changes that it may have seen, and at once where there are none", async () => {
  const { told, run } = setup();
  void run("read", false, ["words", null]);
  expect(told).toEqual(["read"]);
  const all = [run("change", false, ["add", "a"]), run("read it", true, ["words", null])];
  expect(told).toEqual(["read"]);
  await Promise.all(all);
  expect(told).toEqual(["read", "change", "read it"]);
});

test("a change is flushed, too, where durability is given up in the same batch", async () => {
  const { told, run } = setup();
  const all = run("change", false, ["add", "a"], ["durable", false]);
  expect(told).toEqual([]);
  await all;
});

test("what was not flushed while nobody asked for it is, before anything that was read of it is told", async () => {
  const { told, run } = setup();
  await run("off", false, ["durable", false]);
  void run("change", false, ["add", "a"]);
  expect(told).toEqual(["off", "change"]);
  const read = run("read", false, ["durable", true], ["words", null]);
  expect(told).toEqual(["off", "change"]);
  await read;
});

test("a file that is replaced during a flush: all are told in their order, and the new file is flushed", async () => {
  const { db, told, run } = setup();
  const first = run("first", false, ["add", "a"]);
  db.repair("for the test");
  const all = [first, run("second", true, ["add", "b"]), run("third", false, ["add", "c"])];
  expect(told).toEqual([]);
  await Promise.all(all);
  expect(told).toEqual(["first", "second", "third"]);
  void run("fourth", true, ["add", "d"]);
  expect(told.at(-1)).toBe("fourth");
  expect(db.run([["words", null]])).toEqual([{ ok: true, value: ["a", "b", "c", "d"] }]);
});

test("a file that is closed during a flush: what is under way is still told", async () => {
  const { db, told, run } = setup();
  const change = run("change", false, ["add", "a"]);
  db.close();
  await change;
  expect(told).toEqual(["change"]);
});

test("a file whose name is a link is flushed where it is", async () => {
  const dir = tempDir();
  const path = join(dir, "words.db");
  setup(path).db.close();
  mkdirSync(join(dir, "elsewhere"));
  renameSync(path, join(dir, "elsewhere", "words.db"));
  symlinkSync(join("elsewhere", "words.db"), path);
  const { told, run } = setup(path);
  await run("change", true, ["add", "a"]);
  expect(told).toEqual(["change"]);
});
