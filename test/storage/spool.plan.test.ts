import Sqlite from "better-sqlite3";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { createIds, idText, parseId } from "../../src/core/job.id.ts";
import { systemRandom } from "../../src/core/random.ts";
import { migrate } from "../../src/storage/migrate.ts";
import { spoolSchema } from "../../src/storage/spool/schema.ts";
import { newJob, queue } from "../contract/spool.rig.ts";
import { openFiles } from "./spool.files.ts";
import { tempDir } from "./support.ts";

/** All statements that the commands prepare, with how SQLite goes about each. */
function plans(): { readonly sql: string; readonly plan: string }[] {
  const db = new Sqlite(":memory:");
  onTestFinished(() => void db.close());
  migrate(db, ":memory:", spoolSchema.migrations);
  const prepare = db.prepare.bind(db);
  const texts: string[] = [];
  db.prepare = ((sql: string) => {
    texts.push(sql.replace(/\s+/g, " "));
    return prepare(sql);
  }) as typeof db.prepare;
  spoolSchema.commands(db, () => undefined);
  return texts.map((sql) => {
    const nothing = Array(sql.split("?").length - 1).fill(null);
    const steps = prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`).all(...nothing);
    return { sql, plan: steps.map(({ detail }) => detail).join("; ") };
  });
}

describe("statements", () => {
  test("scan nothing but what is small, and is read once at the start", () => {
    const scanned = plans().flatMap(({ plan }) => plan.match(/SCAN \w+/g) ?? []);
    expect([...new Set(scanned)].sort()).toEqual([
      "SCAN counts",
      "SCAN json_each",
      "SCAN leases",
      "SCAN pragma_freelist_count",
      "SCAN pragma_page_count",
      "SCAN routes",
    ]);
  });

  test("sort nothing: what has an order has it from an index", () => {
    expect(plans().filter(({ plan }) => plan.includes("TEMP B-TREE"))).toEqual([]);
  });

  test.each([
    ["what is due", /state = 0 AND route = \? AND lane = \? ORDER BY due/, "COVERING INDEX due (route=? AND lane=?)"],
    ["who is out of an order key", /okey = \? .* lane <> 2/, "INDEX heads (route=? AND okey=?)"],
    ["the first of an order key", /okey = \? .* ORDER BY seq LIMIT 1/, "INDEX ordered (route=? AND okey=?)"],
    ["a list by state", /state = \? AND seq < \?/, "INDEX ended (state=? AND seq<?)"],
    ["what is kept too long", /state = \? AND seq > \?/, "INDEX ended (state=? AND seq>?)"],
    ["what makes room", /state = \? ORDER BY seq LIMIT/, "INDEX ended (state=?)"],
    ["a list by request id", /request_id = \?/, "INDEX requests (request_id=? AND rowid<?)"],
    ["a list of all", /FROM jobs WHERE seq < \?/, "INTEGER PRIMARY KEY (rowid<?)"],
    ["keys that are too old", /FROM keys WHERE until/, "COVERING INDEX keys_until (until<?)"],
    ["answers that are too old", /FROM answers WHERE until/, "COVERING INDEX answers_until (until<?)"],
  ])("%s is found by its index", (_, text, index) => {
    const found = plans().filter(({ sql }) => /^(SELECT|DELETE)/.test(sql) && text.test(sql));
    expect(found.length).toBeGreaterThan(0);
    for (const { plan } of found) expect(plan).toContain(index);
  });
});

describe("an id", () => {
  const EPOCH_MS = 1_577_836_800_000;
  const seqs = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
  const tails = fc.integer({ min: 0, max: 2 ** 48 - 1 });

  test("is read as what was written, and is a UUID of version 7", () => {
    fc.assert(
      fc.property(seqs, tails, (seq, tail) => {
        const text = idText({ seq, tail });
        expect(text).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(parseId(text)).toEqual({ seq, tail });
      }),
    );
  });

  test("sorts as text as it does by number", () => {
    fc.assert(
      fc.property(seqs, seqs, tails, tails, (a, b, tail, other) => {
        fc.pre(a !== b);
        expect(idText({ seq: a, tail }) < idText({ seq: b, tail: other })).toBe(a < b);
      }),
    );
  });

  test("is none where a text is another, and no text at all is an error", () => {
    fc.assert(fc.property(fc.string(), (text) => parseId(text) === null));
    const text = idText({ seq: 1, tail: 1 });
    for (const other of [text.toUpperCase().replace("7", "4"), ` ${text}`, `${text}0`, text.replace("-8", "-9")]) {
      expect(parseId(other)).toBe(null);
    }
    fc.assert(
      fc.property(fc.uuid(), (uuid) => {
        const id = parseId(uuid);
        if (id !== null) expect(idText(id)).toBe(uuid);
      }),
    );
  });

  test("grows with each that is drawn, wherever the clock is set", () => {
    const times = fc.array(fc.double({ min: EPOCH_MS, max: EPOCH_MS + 2 ** 40, noNaN: true }), { minLength: 2 });
    fc.assert(
      fc.property(times, fc.nat(), (walls, floor) => {
        const draw = createIds(systemRandom, floor);
        const drawn = walls.map((wall) => draw(wall));
        for (const [i, { seq, tail, text }] of drawn.entries()) {
          expect(seq).toBeGreaterThan(drawn[i - 1]?.seq ?? floor);
          expect(text).toBe(idText({ seq, tail }));
        }
      }),
    );
  });

  test("grows through restarts, too, with the clock set back between and while it runs", async () => {
    const dir = tempDir();
    const made: string[] = [];
    for (const wall of [1_700_000_000_000, 1_690_000_000_000, 1_600_000_000_000]) {
      const { spool, clock, storage } = await openFiles(dir, { wall });
      made.push(await queue(spool, newJob(clock)));
      clock.setWall(wall - 1_000_000);
      made.push(await queue(spool, newJob(clock)));
      await storage.close();
    }
    expect(made).toEqual(made.toSorted());
    expect(new Set(made).size).toBe(6);
  });
});
