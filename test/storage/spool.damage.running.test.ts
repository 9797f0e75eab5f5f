import { copyFileSync, existsSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { describe, expect, test, vi } from "vitest";
import { claim, delivered, givenBack, ids, queueAll, states, take } from "../contract/spool.rig.ts";
import { check, counted, inDoubt, JOBS, jobs, leavesOf, openFiles, setAsides, written } from "./spool.files.ts";
import { junkPages, tempDir } from "./support.ts";

describe("a WAL that is cut", () => {
  /** The files as a power cut leaves them, with the WAL's last part missing. */
  const cut = async (keep: (walBytes: number) => number) => {
    const { dir, path, spool } = await openFiles();
    const made = await queueAll(spool, jobs(20));
    const after = tempDir();
    for (const name of ["spool.db", "spool.db-wal"]) copyFileSync(join(dir, name), join(after, name));
    const wal = join(after, "spool.db-wal");
    expect(existsSync(`${path}-wal`)).toBe(true);
    truncateSync(wal, keep(statSync(wal).size));
    return { made, after };
  };

  test("in the midst of a commit: all before it is there, and nothing is set aside", async () => {
    const { made, after } = await cut((bytes) => bytes - 1_000);
    const { spool, told } = await openFiles(after);
    const n = await counted(spool);
    expect(n.seen).toEqual({ queued: made.length - 1 });
    expect(n.said).toEqual(n.seen);
    expect(ids(await take(spool))).toEqual(made.slice(0, -1));
    expect(told).toEqual([]);
    expect(setAsides(after)).toEqual([]);
  });

  test("in the middle: jobs are there up to some one of them, without a gap, and counted right", async () => {
    const { made, after } = await cut((bytes) => bytes / 2);
    const { spool, told } = await openFiles(after);
    const { seen, said } = await counted(spool);
    expect(said).toEqual(seen);
    const claimed = ids(await take(spool));
    expect(claimed.length).toBeGreaterThan(0);
    expect(claimed).toEqual(made.slice(0, claimed.length));
    expect(told).toEqual([]);
  });
});

/** The thread dies, finds pages of this table damaged when it is started again, and is there. */
async function diesWith(files: Awaited<ReturnType<typeof openFiles>>, table: string): Promise<void> {
  const { path, spool } = files;
  await files.die();
  const beside = new Sqlite(path);
  beside.pragma("wal_checkpoint(TRUNCATE)");
  beside.close();
  junkPages(path, leavesOf(path, table));
  await files.back();
  await files.damage;
  await vi.waitFor(() => spool.survey());
}

describe("damage that is met while running", () => {
  /** Open, checked, with nothing of jobs and payloads in the cache yet. */
  const running = async (table: string, pages: readonly [from: number, to: number]) => {
    const { dir, path, made } = await written();
    const files = await openFiles(dir);
    // The check of the file is over once the thread is idle again.
    for (let n = 0; n < 3; n++) await files.spool.recall({ app: "quiz", capability: "winner" }, "none");
    expect(files.told).toEqual([]);
    junkPages(path, leavesOf(path, table).slice(...pages));
    return { ...files, made };
  };

  test("in jobs: the claim that met it is answered from what was recovered", async () => {
    const { spool, made, dir, path, told } = await running("jobs", [0, 1]);
    const claimed = await take(spool);
    expect(ids(claimed).sort()).toEqual(made);
    expect(inDoubt(claimed).length).toBeGreaterThan(0);
    expect(await counted(spool)).toEqual({ seen: { leased: JOBS }, said: { leased: JOBS } });
    expect(told).toMatchObject([{ type: "storage.failing", store: "spool" }]);
    expect(setAsides(dir)).toHaveLength(1);
    expect(check(path)).toBe("ok");
  });

  test("in payloads: leases of before are still good, and so is all that was readable", async () => {
    const { spool, made, told } = await running("payloads", [20, 21]);
    const first = await claim(spool, { max: 5 });
    expect(told).toEqual([]);
    const rest = await take(spool);
    expect(told).toHaveLength(1);
    for (const { lease } of [...first.jobs, ...rest]) expect(await spool.settle(lease, delivered())).toBe(true);
    const { seen, said } = await counted(spool);
    expect(said).toEqual(seen);
    expect(seen).toEqual({ delivered: 5 + rest.length, cancelled: made.length - 5 - rest.length });
  });

  test("in leases: nothing is claimed until its worker has said which it has, and those stay its own", async () => {
    const files = await openFiles();
    const { spool } = files;
    const made = await queueAll(spool, jobs(6));
    const out = (await claim(spool, { max: 3 })).jobs;
    await diesWith(files, "leases");
    const [first, second, third] = out.map(({ lease }) => lease);
    await expect(claim(spool)).rejects.toThrow("leases were lost");
    await expect(spool.settle(first!, delivered())).rejects.toThrow("may have been lost");
    await spool.hold([first!, second!]);
    expect(await states(spool)).toEqual({ leased: 2, queued: 4 });
    const rest = await take(spool);
    expect(ids(rest)).toEqual(made.slice(2));
    expect(await spool.settle(first!, delivered())).toBe(true);
    expect(await spool.settle(second!, givenBack)).toBe(true);
    expect(await spool.settle(third!, delivered())).toBe(false);
    expect(await states(spool)).toEqual({ delivered: 1, queued: 1, leased: 4 });
    expect(ids(await take(spool))).toEqual([second!.id]);
  });

  test("in the rows of jobs that are out: they stay out, and their leases are good", async () => {
    const files = await openFiles();
    const { spool } = files;
    await queueAll(spool, jobs(6));
    const out = (await claim(spool, { max: 3 })).jobs;
    await diesWith(files, "jobs");
    expect(await states(spool)).toEqual({ leased: 3, queued: 3 });
    for (const { lease } of out) expect(await spool.settle(lease, delivered())).toBe(true);
    expect(await states(spool)).toEqual({ delivered: 3, queued: 3 });
  });

  test("puts that come with the damage are kept", async () => {
    const { spool, told } = await running("payloads", [-1, Number.MAX_SAFE_INTEGER]);
    const made = await queueAll(spool, jobs(3));
    expect(told).toHaveLength(1);
    expect(ids(await take(spool))).toEqual(expect.arrayContaining(made));
  });
});
