import { execFile, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import Sqlite from "better-sqlite3";
import { describe, expect, onTestFinished, test } from "vitest";
import { systemRandom } from "../../src/core/random.ts";
import { createSeal } from "../../src/core/seal.ts";
import type { Spool } from "../../src/spool/port.ts";
import { Late } from "../../src/storage/channel.ts";
import { migrate } from "../../src/storage/migrate.ts";
import { openSqliteSpool } from "../../src/storage/spool/driver.ts";
import { spoolSchema } from "../../src/storage/spool/schema.ts";
import { createLive, NO_HOOKS, transact } from "../../src/storage/transact.ts";
import { claim, delivered, newJob } from "../contract/spool.rig.ts";
import { createManualClock, type ManualClock } from "../help/manual-clock.ts";
import { openFiles, UNBOUND } from "./spool.files.ts";
import { tempDir } from "./support.ts";

/** What a job costs of statements, commits and fsyncs: counted, since times differ by machine and these do not. */

/** The spool's own commands on a file in memory that tells each statement it runs, one transaction a call. */
async function countedSpool() {
  let statements = 0;
  const db = new Sqlite(":memory:", { verbose: () => statements++ });
  onTestFinished(() => void db.close());
  migrate(db, ":memory:", spoolSchema.migrations);
  let hooks = NO_HOOKS;
  const commands = spoolSchema.commands(db, (given) => {
    hooks = given;
  });
  const live = createLive(db, commands, hooks);
  const call = async (name: string, arg: unknown): Promise<unknown> => {
    // What grows until its message leaves is complete when the turn of the loop is over.
    await new Promise(setImmediate);
    const [reply] = transact(live, [[name, arg instanceof Late ? arg.make().arg : arg]]);
    if (!reply?.ok) throw new Error(reply?.message ?? "no reply");
    return reply.value;
  };
  const clock = createManualClock();
  const seal = createSeal(undefined, systemRandom);
  const channel = { call, backup: () => Promise.reject(new Error("in memory")) };
  const spool = await openSqliteSpool({ channel, clock, random: systemRandom, seal }, UNBOUND);
  return {
    spool,
    clock,
    async during(act: () => Promise<unknown>): Promise<number> {
      const before = statements;
      await act();
      return statements - before;
    },
  };
}

const putAll = (spool: Spool, clock: ManualClock, count: number) =>
  Promise.all(Array.from({ length: count }, () => spool.put(newJob(clock))));

/** Statements of each step for so many jobs that go together, on a spool that has had some before. */
async function statementsFor(count: number): Promise<{ put: number; claim: number; settle: number }> {
  const { spool, clock, during } = await countedSpool();
  const cycle = async () => {
    const put = await during(() => putAll(spool, clock, count));
    let jobs: Awaited<ReturnType<typeof claim>>["jobs"] = [];
    const claimed = await during(async () => {
      jobs = (await claim(spool, { max: count })).jobs;
    });
    expect(jobs).toHaveLength(count);
    const settle = await during(() => Promise.all(jobs.map(({ lease }) => spool.settle(lease, delivered()))));
    return { put, claim: claimed, settle };
  };
  await cycle();
  return cycle();
}

describe("statements", () => {
  test("of a job are so few, however many go together, and a commit adds a handful", async () => {
    const [few, many] = [await statementsFor(50), await statementsFor(250)];
    const perJob = (step: "put" | "claim" | "settle"): number => (many[step] - few[step]) / 200;
    const perCommit = (step: "put" | "claim" | "settle"): number => few[step] - 50 * perJob(step);
    // Of each step one for the job's row and one for its payload.
    for (const step of ["put", "claim", "settle"] as const) expect(perJob(step), step).toBeLessThanOrEqual(2);
    for (const step of ["put", "claim", "settle"] as const) expect(perCommit(step), step).toBeLessThanOrEqual(9);
  });
});

/**
 * Commits in the log of a file: the frames that say how large the file is then (sqlite.org/fileformat2.html#walformat).
 * Frames of an older turn of the log have another salt.
 */
function commitsIn(wal: string): number {
  const log = readFileSync(wal);
  if (log.length === 0) return 0;
  const pageBytes = log.readUInt32BE(8);
  const salt = log.subarray(16, 24);
  let commits = 0;
  for (let at = 32; at + 24 + pageBytes <= log.length; at += 24 + pageBytes) {
    if (!log.subarray(at + 8, at + 16).equals(salt)) break;
    if (log.readUInt32BE(at + 4) > 0) commits++;
  }
  return commits;
}

test("jobs of one turn of the loop are one commit: as they come, as they are claimed, and as they end", async () => {
  const { path, spool, clock } = await openFiles();
  const during = async <T>(act: () => Promise<T>): Promise<[number, T]> => {
    const before = commitsIn(`${path}-wal`);
    const done = await act();
    return [commitsIn(`${path}-wal`) - before, done];
  };
  expect((await during(() => putAll(spool, clock, 500)))[0]).toBe(1);
  const [commits, { jobs }] = await during(() => claim(spool, { max: 500 }));
  expect(jobs).toHaveLength(500);
  expect(commits).toBe(1);
  const [ends] = await during(() => Promise.all(jobs.map(({ lease }) => spool.settle(lease, delivered()))));
  expect(ends).toBe(1);
});

const PROGRAM = fileURLToPath(new URL("./spool.fsync.program.ts", import.meta.url));
const run = promisify(execFile);
/** It may be there and yet not be allowed to look into processes. */
const canTrace = spawnSync("strace", ["-o", "/dev/null", "true"]).status === 0;

/** Runs the program under `strace`, which is told more by `options`; what the program printed, and the calls it made. */
async function traced(batches: number, ...options: string[]): Promise<{ printed: string; calls: string[] }> {
  const dir = tempDir();
  const trace = `${dir}/trace`;
  const args = ["-f", "--seccomp-bpf", "-e", "trace=fsync,fdatasync", ...options, "-o", trace];
  const { stdout } = await run("strace", [...args, process.execPath, PROGRAM, dir, String(batches)], {
    timeout: 50_000,
  });
  return { printed: stdout, calls: readFileSync(trace, "latin1").match(/ (fsync|fdatasync)\(/g) ?? [] };
}

test.skipIf(!canTrace)(
  "a batch is one fsync: a power cut after its answer loses nothing, and nothing is written out twice",
  async () => {
    const [few, many] = await Promise.all([traced(10), traced(60)]);
    expect(many.calls.length - few.calls.length).toBe(50);
  },
);

test.skipIf(!canTrace)("a batch whose flush fails is not acknowledged, and those after it are kept again", async () => {
  const { printed } = await traced(6, "-e", "inject=fdatasync:error=EIO:when=4");
  const { refused, error, kept } = JSON.parse(printed);
  expect(refused).toBe(1);
  expect(error).toMatch(/could not be forced to its disk: EIO/);
  // Of the refused batch nobody was told that it is kept: it may be there beside its repeat.
  expect(kept).toBeGreaterThanOrEqual(6 * 20);
});
