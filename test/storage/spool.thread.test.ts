import { once } from "node:events";
import { resolve } from "node:path";
import { MessageChannel, Worker } from "node:worker_threads";
import Sqlite from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { again, claim, delivered, ids, newJob, queue, queueAll, states, take, takeOne } from "../contract/spool.rig.ts";
import { counted, look, openFiles } from "./spool.files.ts";
import { tempDir } from "./support.ts";

describe("when the thread ends in the middle", () => {
  test("every verb without an answer rejects, and so does one that is asked while it is away", async () => {
    const { spool, clock, die } = await openFiles();
    const verbs = () => [
      spool.put(newJob(clock)),
      spool.claim({ app: "quiz", capability: "winner", lane: "first", max: 1, maxBytes: 1 }),
      spool.settle({ id: "018bcfe5-6800-7000-8000-000000000000", attempt: 1 }, delivered()),
      spool.hold([]),
      spool.find("018bcfe5-6800-7000-8000-000000000000"),
      spool.list({ filter: {}, limit: 1, cursor: null }),
      spool.sweep(),
      spool.survey(),
    ];
    const asked = Promise.allSettled(verbs());
    await die();
    for (const settled of [await asked, await Promise.allSettled(verbs())]) {
      for (const one of settled) expect(one).toMatchObject({ status: "rejected", reason: { code: "thread" } });
    }
  });

  test("leases of the same process are kept: it settles what it had, once", async () => {
    const { spool, clock, die, back } = await openFiles();
    await queueAll(spool, [newJob(clock), newJob(clock), newJob(clock)]);
    const [a, b, c] = await take(spool);
    await die();
    await back();
    expect(await claim(spool)).toMatchObject({ jobs: [], more: false });
    expect(await spool.settle(a!.lease, delivered())).toBe(true);
    expect(await spool.settle(a!.lease, delivered())).toBe(false);
    expect(await spool.settle(b!.lease, again(0))).toBe(true);
    expect(await spool.settle({ ...c!.lease, attempt: c!.lease.attempt + 1 }, delivered())).toBe(false);
    expect(await counted(spool)).toEqual({
      seen: { delivered: 1, queued: 1, leased: 1 },
      said: { delivered: 1, queued: 1, leased: 1 },
    });
  });

  test("what was claimed but never heard of is freed by hold, in doubt, and what is held stays", async () => {
    const { spool, clock, die, back } = await openFiles();
    const made = await queueAll(spool, [newJob(clock), newJob(clock), newJob(clock)]);
    const [held] = (await claim(spool, { max: 1 })).jobs;
    const [unheard] = (await claim(spool, { max: 1 })).jobs;
    await die();
    await back();
    await spool.hold([held!.lease]);
    const freed = await take(spool);
    expect(freed.map(({ lease, inDoubt }) => [lease.id, inDoubt])).toEqual([
      [made[1], true],
      [made[2], false],
    ]);
    expect(freed[0]!.lease.attempt).not.toBe(unheard!.lease.attempt);
    expect(await spool.settle(unheard!.lease, delivered())).toBe(false);
    expect(await spool.settle(held!.lease, delivered())).toBe(true);
  });

  test("puts work again, under ids that grow, and what was acknowledged before is there", async () => {
    const { spool, clock, die, back, told } = await openFiles();
    const made = await queueAll(spool, [newJob(clock), newJob(clock)]);
    await die();
    await expect(spool.put(newJob(clock))).rejects.toMatchObject({ code: "thread" });
    await back();
    made.push(await queue(spool, newJob(clock)));
    expect(ids(await take(spool))).toEqual(made);
    expect(made).toEqual(made.toSorted());
    expect(told).toMatchObject([{ type: "storage.failing", store: "thread" }]);
  });

  test("the bounds that were set last hold again", async () => {
    const { spool, clock, die, back } = await openFiles();
    const EVER = Number.MAX_SAFE_INTEGER;
    spool.configure({
      maxJobs: 1,
      maxBytes: EVER,
      retainDeliveredMs: EVER,
      retainDeadMs: EVER,
      durability: "normal",
    });
    await queue(spool, newJob(clock));
    await die();
    await back();
    expect(await spool.put(newJob(clock))).toEqual({ kind: "full", bound: "jobs" });
  });

  test("no job is lost, and none is there twice, whenever it ends", async () => {
    const { spool, clock, die, back } = await openFiles();
    const made: string[] = [];
    let unsure = 0;
    for (let round = 0; round < 5; round++) {
      const puts = Promise.allSettled(Array.from({ length: 50 }, () => queue(spool, newJob(clock))));
      const first = queue(spool, newJob(clock)).then((id) => made.push(id));
      await Promise.race([first, puts]);
      const late = Promise.allSettled(Array.from({ length: 50 }, () => queue(spool, newJob(clock))));
      await die();
      for (const one of [...(await puts), ...(await late)]) {
        if (one.status === "fulfilled") made.push(one.value);
        else unsure++;
      }
      await back();
    }
    const there = ids(await take(spool, { max: 1000 }));
    expect(new Set(there).size).toBe(there.length);
    expect(there).toEqual(expect.arrayContaining(made));
    expect(there.length).toBeLessThanOrEqual(made.length + unsure);
    expect((await counted(spool)).said).toEqual({ leased: there.length });
  }, 60_000);
});

/** The real thread, in which the file may not grow beyond as many pages as are told. */
function limited() {
  const { port1, port2 } = new MessageChannel();
  const code = `
    const { workerData } = require("node:worker_threads");
    const Sqlite = require(${JSON.stringify(resolve("node_modules/better-sqlite3"))});
    const pragma = Sqlite.prototype.pragma;
    let spool = null;
    Sqlite.prototype.pragma = function (...args) {
      if (this.name.endsWith("spool.db") && !this.readonly) spool = this;
      return pragma.apply(this, args);
    };
    workerData.limit.on("message", (pages) => {
      pragma.call(spool, "max_page_count = " + pages);
      workerData.limit.postMessage("done");
    });
    workerData.limit.unref();
    import(${JSON.stringify(resolve("src/storage/thread.ts"))});
  `;
  return {
    start: (options: { readonly dataDir: string }) =>
      new Worker(code, {
        eval: true,
        workerData: { ...options, limit: port2 },
        transferList: [port2],
        env: {},
        execArgv: [],
      }),
    async to(pages: number): Promise<void> {
      port1.postMessage(pages);
      await once(port1, "message");
      port1.unref();
    },
  };
}

describe("a disk that is full", () => {
  test("refuses puts and says so once, loses nothing, and takes jobs again when there is room", async () => {
    const limit = limited();
    const { spool, clock, told } = await openFiles(tempDir(), { start: limit.start });
    const job = newJob(clock, { body: Buffer.alloc(50_000, "x") });
    const made = await queueAll(spool, [job, job]);
    await limit.to(1);
    for (let n = 0; n < 3; n++) await expect(spool.put(job)).rejects.toMatchObject({ code: "full" });
    expect(told).toMatchObject([{ type: "storage.failing", store: "spool", detail: "database or disk is full" }]);
    expect(await counted(spool)).toEqual({ seen: { queued: 2 }, said: { queued: 2 } });
    // What needs no more room still works.
    const { lease } = (await claim(spool, { max: 1 })).jobs[0]!;
    expect(await spool.settle(lease, delivered())).toBe(true);
    await limit.to(1_000_000);
    made.push(await queue(spool, job));
    expect(ids(await take(spool))).toEqual(made.slice(1));
    expect((await counted(spool)).said).toEqual({ delivered: 1, leased: 2 });
  });
});

describe("the number of the file's schema", () => {
  test("is that of the last migration", async () => {
    const { path } = await openFiles();
    expect(look(path, (db) => db.pragma("user_version", { simple: true }))).toBe(1);
  });

  test("of a newer program is refused, the file stays as it is, and the directory is free again", async () => {
    const { dir, path, spool, clock, storage } = await openFiles();
    const id = await queue(spool, newJob(clock));
    await storage.close();
    const set = (version: number): void => {
      const db = new Sqlite(path);
      db.pragma(`user_version = ${version}`);
      db.close();
    };
    set(2);
    await expect(openFiles(dir)).rejects.toMatchObject({ code: "newer", message: expect.stringContaining("spool.db") });
    set(1);
    const second = await openFiles(dir);
    expect((await takeOne(second.spool)).lease.id).toBe(id);
    expect(await states(second.spool)).toEqual({ leased: 1 });
    expect(second.told).toEqual([]);
  });
});
