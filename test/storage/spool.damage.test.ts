import { copyFileSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { claim, dead, delivered, ids, listAll, queueAll, states, take, takeOne } from "../contract/spool.rig.ts";
import { createStorageHall } from "../help/storage.hall.ts";
import { check, counted, inDoubt, JOBS, jobs, leavesOf, openFiles, setAsides, written } from "./spool.files.ts";
import { junkPages, pageBytesOf, tempDir } from "./support.ts";

/** More payloads than there can be rows in one page of jobs. */
const LOST = 160;

describe("damage that is there at the start", () => {
  test("in rows of jobs: those whose payload is readable are queued again, in doubt, under their id", async () => {
    const { dir, path, made } = await written();
    junkPages(path, leavesOf(path, "jobs").slice(0, 1));
    const { spool, damage } = await openFiles(dir);
    expect(await damage).toMatch(
      /spool\.db was damaged \(.+\); it is kept as .+\.damaged-\d+; recovered: .*jobs \d+ rows/,
    );
    expect(await counted(spool)).toEqual({ seen: { queued: JOBS }, said: { queued: JOBS } });
    const claimed = await take(spool);
    expect(ids(claimed).sort()).toEqual(made);
    expect(claimed.map(({ body }) => body.toString()).sort()).toEqual(
      jobs()
        .map(({ body }) => `${body}`)
        .sort(),
    );
    expect(claimed.map(({ requestId }) => requestId).sort()).toEqual(made.map((_, n) => `req-${n}`).sort());
    const doubted = inDoubt(claimed).sort();
    expect(doubted.length).toBeGreaterThan(0);
    expect(doubted).toEqual(made.slice(0, doubted.length));
    expect(doubted.length).toBeLessThan(JOBS);
  });

  test("in payloads: those jobs end, and say why; all others are delivered", async () => {
    const { dir, path, made } = await written();
    junkPages(path, leavesOf(path, "payloads").slice(10, 13));
    const { spool, damage } = await openFiles(dir);
    expect(await damage).toMatch(/payloads \d+ rows \(the rest was unreadable\)/);
    const claimed = await take(spool);
    const lost = await listAll(spool, { states: ["cancelled"] });
    expect(lost.length).toBeGreaterThanOrEqual(3);
    expect(new Set(lost.map(({ detail }) => detail))).toEqual(new Set(["its payload was lost with a damaged file"]));
    expect([...ids(claimed), ...ids(lost)].sort()).toEqual(made);
    expect(inDoubt(claimed)).toEqual([]);
    const n = { leased: claimed.length, cancelled: lost.length };
    expect(await counted(spool)).toEqual({ seen: n, said: n });
  });

  test.each(["due", "requests", "ordered", "heads", "ended"])("in the index %s: nothing is lost", async (index) => {
    const files = await openFiles();
    const made = await queueAll(
      files.spool,
      jobs(JOBS, (n) => ({ orderKey: `key ${n}` })),
    );
    const [gone, no] = (await claim(files.spool, { max: 2 })).jobs;
    await files.spool.settle(gone!.lease, delivered());
    await files.spool.settle(no!.lease, dead());
    await files.storage.close();
    junkPages(files.path, leavesOf(files.path, index).slice(0, 1));
    const { dir, spool, damage } = await openFiles(files.dir);
    expect(await damage).toContain(`jobs ${JOBS} rows, payloads ${JOBS} rows`);
    const n = { queued: JOBS - 2, delivered: 1, dead: 1 };
    expect(await counted(spool)).toEqual({ seen: n, said: n });
    const claimed = await take(spool);
    expect(ids(claimed)).toEqual(made.slice(2));
    expect(inDoubt(claimed)).toEqual([]);
    expect(setAsides(dir)).toHaveLength(1);
  });

  test("in its header: it is said that nothing could be read, the file is kept as it is, and a new one takes jobs", async () => {
    const { dir, path } = await written();
    junkPages(path, [1]);
    const bytes = readFileSync(path);
    const { spool, damage } = await openFiles(dir);
    expect(await damage).toMatch(/was damaged .* kept as .*; recovered: nothing \(file is not a database\)/);
    const [kept] = setAsides(dir);
    expect(readFileSync(join(dir, String(kept))).equals(bytes)).toBe(true);
    const [made] = await queueAll(spool, jobs(1));
    expect(ids(await take(spool))).toEqual([made]);
  });

  test("in the names of routes: each job stays with its own", async () => {
    const { dir, path, made } = await written(jobs(JOBS, (n) => ({ app: n % 2 === 0 ? "poll" : "quiz" })));
    junkPages(path, leavesOf(path, "routes"));
    const { spool, damage } = await openFiles(dir);
    await damage;
    // A route whose name comes first now must not take the jobs of another.
    await queueAll(
      spool,
      jobs(1, () => ({ app: "chat" })),
    );
    const even = made.filter((_, n) => n % 2 === 0);
    expect(ids(await take(spool, { app: "poll" }))).toEqual(even);
    expect(ids(await take(spool, { app: "quiz" }))).toEqual(made.filter((id) => !even.includes(id)));
  });

  test("in the first of an order key, rows and payloads: the next of the key goes on", async () => {
    const { dir, path, made } = await written(jobs(JOBS, () => ({ orderKey: "player 7" })));
    // More payloads than there can be rows on that page.
    const payloads = leavesOf(path, "payloads").slice(0, LOST);
    junkPages(path, [...leavesOf(path, "jobs").slice(0, 1), ...payloads]);
    const { spool, damage } = await openFiles(dir);
    await damage;
    const order: string[] = [];
    for (let n = 0; n < JOBS; n++) {
      const { jobs: got, more } = await claim(spool);
      for (const { lease } of got) {
        await spool.settle(lease, delivered());
        order.push(lease.id);
      }
      if (got.length === 0 && !more) break;
    }
    expect(order).toEqual(made.slice(-order.length));
    expect(order).toHaveLength(JOBS - LOST);
    expect(await states(spool)).not.toHaveProperty("queued");
  });

  test("in the payload of one that others of its order key wait for: the claim says that there is more", async () => {
    const { dir, path, made } = await written(jobs(4, () => ({ orderKey: "player 7" })));
    junkPages(path, leavesOf(path, "payloads").slice(0, 1));
    const { spool, damage } = await openFiles(dir);
    await damage;
    const expired = [{ id: made[0], state: "cancelled", reason: "cancelled" }];
    expect(await claim(spool)).toMatchObject({ jobs: [], more: true, expired });
    const { lease } = await takeOne(spool);
    expect(lease.id).toBe(made[1]);
  });

  test("in any one page but those of the schema: every job is found, counts are right, and work goes on", async () => {
    const { path, made } = await written(jobs(6, (n) => ({ orderKey: n < 3 ? "player 7" : null })));
    const schema = leavesOf(path, "sqlite_schema");
    // A file for each page: one thread serves them all.
    const start = createStorageHall();
    for (let page = 2; page <= statSync(path).size / pageBytesOf(path); page++) {
      if (schema.includes(page)) continue;
      const own = tempDir();
      copyFileSync(path, join(own, "spool.db"));
      junkPages(join(own, "spool.db"), [page]);
      const { spool, storage, damage, told } = await openFiles(own, { start });
      await damage;
      const found = await Promise.all(made.map((id) => spool.find(id)));
      expect([page, found.map((job) => job?.app)]).toEqual([page, made.map(() => "quiz")]);
      const { seen, said } = await counted(spool);
      expect([page, said]).toEqual([page, seen]);
      const [another] = await queueAll(spool, jobs(1));
      expect(ids(await take(spool))).toContain(another);
      expect([page, told.length, check(join(own, "spool.db"))]).toEqual([page, 1, "ok"]);
      await storage.close();
    }
  });

  test("in a page of the schema: it is said, and the file is kept", async () => {
    const { dir, path } = await written(jobs(6));
    junkPages(path, leavesOf(path, "sqlite_schema").slice(-1));
    const { spool, damage } = await openFiles(dir);
    expect(await damage).toMatch(/was damaged .* kept as /);
    expect(setAsides(dir)).toHaveLength(1);
    await queueAll(spool, jobs(1));
  });
});
