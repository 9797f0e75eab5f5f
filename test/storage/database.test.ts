import { chmodSync, copyFileSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { describe, expect, onTestFinished, test } from "vitest";
import { connect } from "../../src/storage/connection.ts";
import { type Database, openDatabase, quickCheck, type Schema } from "../../src/storage/database.ts";
import { StorageError } from "../../src/storage/error.ts";
import { historySchema } from "../../src/storage/history/history.ts";
import { salvage, setAside } from "../../src/storage/recover.ts";
import { breakerRow, junkPages, pageBytesOf, pagesWith, tempDir } from "./support.ts";

const WALL = 1_700_000_000_000;

function setup(dir = tempDir(), schema: Schema = historySchema) {
  const path = join(dir, schema.file);
  const failing: string[] = [];
  const open = (): Database => {
    const db = openDatabase({ path, schema, wall: () => WALL, onFailing: (detail) => failing.push(detail) });
    onTestFinished(() => db.close());
    return db;
  };
  return { dir, path, failing, open };
}

const audit = (i: number) =>
  ["audit.add", { at: i, by: "ops", action: "breaker.reset", target: `quiz/${i}`, detail: "x".repeat(200) }] as const;

const values = (db: Database, ...commands: Parameters<Database["run"]>[0]): unknown[] =>
  db.run(commands).map((reply) => (reply.ok ? reply.value : new StorageError(reply.code, reply.message)));

/** A file with 500 audit entries over many pages, closed. */
function written() {
  const made = setup();
  const db = made.open();
  values(db, ["breakers.save", breakerRow()], ...Array.from({ length: 500 }, (_, i) => audit(i)));
  db.close();
  return made;
}

const count = (db: Database): number => {
  const [page] = values(db, ["audit.list", { limit: 1000, cursor: null }]);
  return (page as { items: unknown[] }).items.length;
};

describe("a batch", () => {
  test("answers in order, and a command that fails spoils no other", () => {
    const db = setup().open();
    const replies = db.run([
      ["meta.set", ["a", "1"]],
      ["breakers.save", breakerRow({ state: "ajar" as "open" })],
      ["no.such", null],
      ["meta.get", "a"],
    ]);
    expect(replies.map((reply) => (reply.ok ? reply.value : reply.code))).toEqual([undefined, "failed", "failed", "1"]);
    expect(values(db, ["meta.get", "a"], ["breakers.load", null])).toEqual(["1", []]);
  });

  test("undoes the whole of a command that fails halfway", () => {
    const schema: Schema = {
      file: "two.db",
      migrations: [{ number: 1, sql: "CREATE TABLE t (v INTEGER NOT NULL) STRICT" }],
      commands: (db) => ({
        twice: (v: number | null) => {
          db.prepare("INSERT INTO t VALUES (7)").run();
          db.prepare("INSERT INTO t VALUES (?)").run(v);
        },
        sum: () => db.prepare("SELECT count(*) FROM t").pluck().get(),
      }),
    };
    const db = setup(tempDir(), schema).open();
    db.run([
      ["twice", 1],
      ["twice", null],
    ]);
    expect(values(db, ["sum", null])).toEqual([2]);
  });

  test("fails as a whole, said once, while the disk is full, and goes on when there is room", () => {
    const { path, failing, open } = setup();
    let limit: (pages: number) => void = () => {};
    const schema: Schema = {
      ...historySchema,
      commands: (db, hook) => {
        limit = (pages) => void db.pragma(`max_page_count = ${pages}`);
        return historySchema.commands(db, hook);
      },
    };
    open().close();
    const db = openDatabase({ path, schema, wall: () => WALL, onFailing: (detail) => failing.push(detail) });
    onTestFinished(() => db.close());
    limit(1);
    const batch = Array.from({ length: 100 }, (_, i) => audit(i));
    const codes = [...db.run(batch), ...db.run(batch)]
      .filter((reply) => !reply.ok)
      .map((reply) => !reply.ok && reply.code);
    expect(codes.length).toBeGreaterThan(100);
    expect(new Set(codes)).toEqual(new Set(["full"]));
    expect(failing).toEqual(["database or disk is full"]);
    limit(100_000);
    expect(db.run([audit(1)])).toEqual([{ ok: true, value: undefined }]);
  });

  test("is refused once the file is closed", () => {
    const db = setup().open();
    db.close();
    db.close();
    expect(db.run([["meta.get", "a"]])).toMatchObject([{ ok: false, code: "closed" }]);
  });
});

describe("what would grow for ever", () => {
  const written = (sql: string) => {
    const { path, open } = setup();
    open().close();
    const db = new Sqlite(path);
    db.exec(sql);
    db.close();
    return open();
  };

  test("audit entries beyond 100,000 go, the oldest first", () => {
    const db = written(`
      INSERT INTO audit VALUES (1, 1, 'a', 'b', 'c', 'd'), (2, 1, 'a', 'b', 'c', 'd'), (100001, 1, 'a', 'b', 'c', 'd')`);
    const [, page] = values(db, audit(7), ["audit.list", { limit: 10, cursor: null }]);
    expect((page as { items: { id: number }[] }).items.map(({ id }) => id)).toEqual([100_002, 100_001]);
  });

  test("revisions beyond 10,000 go, the oldest first", () => {
    const db = written("INSERT INTO revisions VALUES (1, 'h', 1, 'b', 1, 1), (10000, 'h', 1, 'b', 1, 1)");
    const added = { hash: "n", at: 1, by: "file", files: 1, bytes: 2, manifest: "{}" };
    const [, page] = values(db, ["revisions.add", added], ["revisions.list", { limit: 10, cursor: null }]);
    expect((page as { items: { revision: number }[] }).items.map(({ revision }) => revision)).toEqual([10_001, 10_000]);
  });

  test("breakers beyond 65,536 go at start, those longest unchanged first", () => {
    const db = written(`
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 65538)
      INSERT INTO breakers SELECT i, 'app' || i, 'c', 'u', 'url', 'closed', 1, NULL, 0, 0, i FROM n`);
    const [rows] = values(db, ["breakers.load", null]) as [{ app: string }[]];
    expect(rows).toHaveLength(65_536);
    expect(rows[0]?.app).toBe("app3");
  });
});

test("a new file, its log and its copies are for its owner only, in a directory open to others too", () => {
  const { dir, path } = setup();
  chmodSync(dir, 0o755);
  const first = { file: "history.db", migrations: historySchema.migrations.slice(0, 1), commands: () => ({}) };
  setup(dir, first).open().close();
  setup(dir).open();
  const modes = readdirSync(dir).map((name) => [name, statSync(join(dir, name)).mode & 0o777]);
  expect(modes.length).toBeGreaterThanOrEqual(3);
  expect(modes.filter(([, mode]) => mode !== 0o600)).toEqual([]);
  expect(statSync(`${path}.before-${historySchema.migrations.length}`).size).toBeGreaterThan(0);
});

describe("a damaged file", () => {
  test("met at open is set aside under a new name, and a fresh one takes its place", () => {
    const { dir, path, failing, open } = setup();
    writeFileSync(path, Buffer.alloc(20_000, 0xa5));
    const db = open();
    expect(values(db, ["breakers.load", null])).toEqual([[]]);
    expect(readdirSync(dir)).toContain(`history.db.damaged-${WALL}`);
    expect(failing).toHaveLength(1);
    expect(failing[0]).toContain(`it is kept as ${path}.damaged-${WALL}; recovered: nothing`);
  });

  test("met by a command is read out around the bad pages, and the command is run on what is left", () => {
    const { dir, path, failing, open } = written();
    const bad = pagesWith(path, "quiz/2").slice(2, 4);
    junkPages(path, bad);
    const db = open();
    const left = count(db);
    expect(left).toBeGreaterThan(400);
    expect(left).toBeLessThan(500);
    expect(values(db, ["breakers.load", null])).toEqual([[breakerRow()]]);
    expect(db.repairs()).toBe(1);
    expect(failing).toHaveLength(1);
    expect(failing[0]).toMatch(/recovered: breakers 1 rows, .*audit \d+ rows \(the rest was unreadable\)/);
    expect(readdirSync(dir)).toContain(`history.db.damaged-${WALL}`);
    expect(quickCheck(path)).toEqual([]);
    expect(values(db, audit(1000), ["meta.set", ["k", "v"]])).toEqual([undefined, undefined]);
  });

  test("keeps what its write-ahead log held", () => {
    const { path } = setup();
    const schema = historySchema.migrations.map(({ sql }) => sql).join(";");
    const crashed = connect(path);
    crashed.exec(schema);
    crashed.pragma("wal_checkpoint(TRUNCATE)");
    crashed.prepare("INSERT INTO meta (key, value) VALUES ('only', 'in the log')").run();
    const damaged = setAside(path, WALL);
    const fresh = connect(path);
    fresh.exec(schema);
    expect(salvage(damaged, fresh)).toContain("meta 1 rows");
    expect(fresh.prepare("SELECT value FROM meta").pluck().all()).toEqual(["in the log"]);
    crashed.close();
    fresh.close();
  });

  test("never overwrites one set aside before", () => {
    const { dir, open } = setup();
    const db = open();
    db.repair("told so");
    db.repair("told so");
    expect(readdirSync(dir)).toEqual(
      expect.arrayContaining([`history.db.damaged-${WALL}`, `history.db.damaged-${WALL + 1}`]),
    );
  });

  test("is found by the check of every page, without a command that reads it", () => {
    const { path } = written();
    expect(quickCheck(path)).toEqual([]);
    junkPages(path, pagesWith(path, "quiz/2").slice(2, 3));
    expect(quickCheck(path)).not.toEqual([]);
    junkPages(path, [1]);
    expect(quickCheck(path)).not.toEqual([]);
  });

  test("stays where it is until all that is readable was recovered: a repair that is cut is begun anew", () => {
    const { dir, path } = written();
    junkPages(path, pagesWith(path, "quiz/2").slice(2, 3));
    const cut = (): string => {
      throw new Error("killed");
    };
    const dying = setup(dir, { ...historySchema, mend: cut });
    expect(dying.open().run([["audit.list", { limit: 1000, cursor: null }]])).toMatchObject([{ ok: false }]);
    expect(readdirSync(dir).filter((name) => /damaged|mend/.test(name))).toEqual([]);
    const { failing, open } = setup(dir);
    expect(count(open())).toBeGreaterThan(400);
    expect(failing).toHaveLength(1);
  });

  test.each([
    ["and both files have their old names", (path: string) => junkPages(path, [1])],
    ["and the damaged one is already away", (path: string) => renameSync(path, `${path}.damaged-${WALL}`)],
  ])("is replaced by what a killed process had recovered, %s", (_, reached) => {
    const { dir, path } = written();
    copyFileSync(path, `${path}.mended`);
    reached(path);
    const { failing, open } = setup(dir);
    expect(count(open())).toBe(500);
    expect(failing).toHaveLength(1);
    expect(readdirSync(dir)).toContain(`history.db.damaged-${WALL}`);
    expect(readdirSync(dir)).not.toContain("history.db.mended");
  });

  test("is kept in its place while there is no room to recover it", () => {
    const { dir, path } = written();
    junkPages(path, pagesWith(path, "quiz/2").slice(2, 3));
    const [first, ...rest] = historySchema.migrations;
    const fresh = setup(tempDir());
    fresh.open().close();
    // Enough for the schema, and not for what is in it.
    const pages = statSync(fresh.path).size / pageBytesOf(fresh.path) + 3;
    const small = { number: 1, sql: `${first?.sql}; PRAGMA max_page_count = ${pages};` };
    const { failing, open } = setup(dir, { ...historySchema, migrations: [small, ...rest] });
    expect(open().run([["audit.list", { limit: 1000, cursor: null }]])).toMatchObject([{ ok: false, code: "full" }]);
    expect(failing).toEqual(["database or disk is full"]);
    expect(readdirSync(dir).filter((name) => /damaged|mend/.test(name))).toEqual([]);
    expect(count(setup(dir).open())).toBeGreaterThan(400);
  });

  test("that cannot be replaced fails commands, and is opened again once that is possible", () => {
    const { dir, failing, open } = setup();
    const db = open();
    rmSync(dir, { recursive: true });
    db.repair("told so");
    expect(db.run([audit(1)])).toMatchObject([{ ok: false, code: "failed" }]);
    expect(failing).toEqual(["Cannot open database because the directory does not exist"]);
    mkdirSync(dir);
    expect(db.run([audit(1)])).toMatchObject([{ ok: true }]);
  });
});

describe("migrations", () => {
  const steps = historySchema.migrations;
  const upTo = (n: number): Schema => ({ file: "history.db", migrations: steps.slice(0, n), commands: () => ({}) });
  const plain = (path: string): Sqlite.Database => {
    const db = new Sqlite(path);
    onTestFinished(() => void db.close());
    return db;
  };

  test("are numbered 1, 2, 3 …", () => {
    expect(steps.map(({ number }) => number)).toEqual(steps.map((_, i) => i + 1));
  });

  test.each(steps.slice(1).map(({ number }) => number))(
    "number %i goes on from the one before, with a copy of that",
    (number) => {
      const before = setup(tempDir(), upTo(number - 1));
      before.open().close();
      const rows = plain(before.path);
      rows
        .prepare(
          `INSERT INTO breakers (app, capability, upstream, url, state, since, reopenings, consecutive_failures, saved_at)
       VALUES ('a', 'b', 'c', 'd', 'closed', 1, 0, 0, 1)`,
        )
        .run();
      rows.close();
      setup(before.dir, upTo(number)).open().close();
      const after = plain(before.path);
      expect(after.pragma("user_version", { simple: true })).toBe(number);
      expect(after.prepare("SELECT count(*) FROM breakers").pluck().get()).toBe(1);
      const copy = plain(`${before.path}.before-${number}`);
      expect(copy.pragma("user_version", { simple: true })).toBe(number - 1);
      expect(copy.prepare("SELECT count(*) FROM breakers").pluck().get()).toBe(1);
    },
  );

  test("keep the last copy only, and a new file makes none", () => {
    const { dir } = setup(tempDir(), upTo(1));
    for (const n of [1, 2, 3]) setup(dir, upTo(n)).open().close();
    expect(readdirSync(dir).sort()).toEqual(["history.db", "history.db.before-3"]);
  });

  test("roll back whole when one fails, and the next start finds the file as it was", () => {
    const { dir, path } = setup(tempDir(), upTo(2));
    setup(dir, upTo(2)).open().close();
    const bad: Schema = {
      ...upTo(3),
      migrations: [...steps.slice(0, 3), { number: 4, sql: "CREATE TABLE more (x); INSERT INTO nowhere VALUES (1);" }],
    };
    expect(() => setup(dir, bad).open()).toThrow(
      new StorageError("migration", `${path}: migration 4 failed, nothing was changed: no such table: nowhere`),
    );
    const db = plain(path);
    expect(db.pragma("user_version", { simple: true })).toBe(2);
    const tables = db.prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").pluck();
    expect(tables.all()).toEqual(["breakers", "manifests", "revisions", "sqlite_sequence"]);
    db.close();
    setup(dir, upTo(4)).open();
    expect(readdirSync(dir)).toContain("history.db.before-4");
  });

  test("refuse a file that a newer program wrote, and leave it alone", () => {
    const { dir, path } = setup();
    setup(dir).open().close();
    const newer = plain(path);
    newer.pragma("user_version = 99");
    newer.close();
    const { failing, open } = setup(dir);
    expect(open).toThrow(/written by a newer Outrigger \(its schema is number 99, this one knows up to \d+\)/);
    expect(failing).toEqual([]);
    expect(readdirSync(dir)).toEqual(["history.db"]);
  });
});
