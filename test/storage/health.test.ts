import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { describe, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import type { StorageFailing } from "../../src/core/events.ts";
import { openStorage, type Storage } from "../../src/storage/storage.ts";
import { newMove } from "../help/failover.ts";
import { healthRow, junkPages, pagesWith, tempDir } from "./support.ts";

async function open(dataDir: string, onEvent: (event: StorageFailing) => void = () => {}): Promise<Storage> {
  const storage = await openStorage({ dataDir, clock: systemClock, onEvent });
  onTestFinished(() => storage.close());
  return storage;
}

/** A data directory whose history was changed by `sql` while nothing ran. */
async function prepared(sql: string): Promise<Storage> {
  const dir = tempDir();
  await (await open(dir)).close();
  const db = new Sqlite(join(dir, "history.db"));
  db.exec(sql);
  db.close();
  return open(dir);
}

const all = { app: null, limit: 1000, cursor: null };
const well = healthRow({
  upstream: "backup",
  standing: "serving",
  cause: null,
  status: "degraded",
  consecutiveFailures: 0,
  holdMs: 60_000.5,
  returnedAt: 1_700_000_100_000,
  probe: {
    at: 1_700_000_200_000,
    status: "degraded",
    answered: true,
    httpStatus: 200,
    durationMs: 3.125,
    reason: null,
    proxyError: null,
    detail: null,
    details: { status: "degraded", queue: { depth: 7, name: "wörk\u0000" }, shards: [1, null] },
  },
  savedAt: 1_700_000_300_000,
});

test("the newest row of each upstream is there after a restart, with what its last probe found", async () => {
  const dir = tempDir();
  const first = await open(dir);
  first.history.saveHealth(well);
  for (let i = 0; i < 100; i++) first.history.saveHealth(healthRow({ savedAt: i }));
  const elsewhere = healthRow({ url: "http://10.0.0.7:9000", probe: null, standing: "returning", savedAt: 200 });
  first.history.saveHealth(elsewhere);
  await first.close();
  const second = await open(dir);
  expect(await second.history.loadHealth()).toEqual([healthRow({ savedAt: 99 }), elsewhere, well]);
});

test("an app has one pin, the newest, until it is removed", async () => {
  const dir = tempDir();
  const { history, close } = await open(dir);
  const pin = { app: "quiz", upstream: "backup", by: "ops", at: 1 };
  await history.savePin(pin);
  await history.savePin({ ...pin, app: "shop" });
  await history.savePin({ ...pin, upstream: "primary", by: "night", at: 2 });
  await history.removePin("shop");
  await history.removePin("unknown");
  await close();
  const { history: later } = await open(dir);
  expect(await later.loadPins()).toEqual([{ app: "quiz", upstream: "primary", by: "night", at: 2 }]);
});

test("moves are listed newest first, in parts, of one app or of all", async () => {
  const { history, flush } = await open(tempDir());
  const moves = [
    newMove({ at: 1 }),
    newMove({ at: 2, app: "shop", to: null }),
    newMove({ at: 3, kind: "failback", from: null, to: "primary", reason: "recovered" }),
    newMove({ at: 4, reason: "operator", by: "ops" }),
    newMove({ at: 5, app: "shop" }),
  ];
  for (const move of moves) history.addMove(move);
  await flush();
  const ids = moves.map((move, i) => ({ ...move, id: i + 1 }));
  expect(await history.moves(all)).toEqual({ items: ids.toReversed(), next: null });
  const part = await history.moves({ app: "quiz", limit: 2, cursor: null });
  expect(part).toEqual({ items: [ids[3], ids[2]], next: 3 });
  expect(await history.moves({ app: "quiz", limit: 2, cursor: part.next })).toEqual({ items: [ids[0]], next: null });
  expect(await history.moves({ ...all, app: "nobody" })).toEqual({ items: [], next: null });
});

describe("what would grow for ever", () => {
  test("moves beyond 10,000 go, the oldest first and a few with each new one", async () => {
    const { history, flush } = await prepared(`
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
      INSERT INTO moves SELECT i, 'a', 'failover', 'p', 'b', 'hang', NULL, i, 1 FROM n;
      INSERT INTO moves VALUES (10030, 'a', 'failover', 'p', 'b', 'hang', NULL, 10030, 1)`);
    const idsOf = async (): Promise<number[]> => (await history.moves(all)).items.map(({ id }) => id);
    history.addMove(newMove());
    await flush();
    expect((await idsOf()).slice(0, 2)).toEqual([10_031, 10_030]);
    expect((await idsOf()).at(-1)).toBe(17);
    history.addMove(newMove({ at: 2 }));
    await flush();
    expect((await idsOf()).at(-1)).toBe(33);
  });

  test("upstreams beyond 65,536 go at start, those longest unchanged first", async () => {
    const { history } = await prepared(`
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 65538)
      INSERT INTO health SELECT i, 'app' || i, 'u', 'url', 'serving', 1, NULL, 'healthy', 0, 1, NULL, NULL, i FROM n`);
    const rows = await history.loadHealth();
    expect(rows).toHaveLength(65_536);
    expect(rows[0]?.app).toBe("app3");
  });
});

test("a probe that came garbled out of a damaged file costs its row nothing else", async () => {
  const { history } = await prepared(`
    INSERT INTO health VALUES (1, 'quiz', 'u', 'url', 'away', 1, 'probe', 'unhealthy', 2, 30000, NULL, '{"at":', 1)`);
  expect(await history.loadHealth()).toMatchObject([{ app: "quiz", standing: "away", cause: "probe", probe: null }]);
});

test("of a damaged file health, pins and the readable moves are carried over", async () => {
  const dir = tempDir();
  const before = await open(dir);
  const pin = { app: "quiz", upstream: "backup", by: "ops", at: 1 };
  before.history.saveHealth(healthRow());
  await before.history.savePin(pin);
  for (let i = 0; i < 1000; i++) before.history.addMove(newMove({ at: i, by: `night-shift-${i}-${"x".repeat(100)}` }));
  await before.close();
  const path = join(dir, "history.db");
  junkPages(path, pagesWith(path, "night-shift-7").slice(1, 2));
  const told = Promise.withResolvers<StorageFailing>();
  const { history } = await open(dir, told.resolve);
  expect((await told.promise).detail).toMatch(
    /recovered: .*health 1 rows, pins 1 rows, moves \d+ rows \(the rest was unreadable\)/,
  );
  expect(await history.loadHealth()).toEqual([healthRow()]);
  expect(await history.loadPins()).toEqual([pin]);
  const { items } = await history.moves(all);
  expect(items.length).toBeGreaterThan(800);
  expect(items.length).toBeLessThan(1000);
  expect(items[0]).toMatchObject({ id: 1000, at: 999 });
});
