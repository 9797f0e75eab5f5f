import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type MoveOptions, moveSpool } from "../../src/app/move.ts";
import { type Clock, systemClock } from "../../src/core/clock.ts";
import { systemRandom } from "../../src/core/random.ts";
import { createSeal } from "../../src/core/seal.ts";
import { openRedis, type RedisLink } from "../../src/redis/connection.ts";
import { openRedisSpool } from "../../src/redis/spool/driver.ts";
import type { AnswerStore, Spool } from "../../src/spool/port.ts";
import { openStorage } from "../../src/storage/storage.ts";
import { claim, listAll, newJob, QUIZ, queue, queueAll } from "../contract/spool.rig.ts";
import { createManualClock, type ManualClock } from "../help/manual-clock.ts";
import { fillSpool, KEY } from "../help/move.ts";
import { startRedis, type TestRedis, withoutRedis } from "../help/redis.ts";

/** `spool move` between a real file and a real Redis, which nobody kills here: it need not wait for the disk. */

const EVER = 1e15;
const BOUNDS = {
  maxJobs: 1e9,
  maxBytes: 1e12,
  retainDeliveredMs: EVER,
  retainDeadMs: EVER,
  durability: "full",
} as const;
const SPOOL_KEY = "a key of the test";
const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

let redis: TestRedis;
let link: RedisLink;
let prefixes = 0;

function place() {
  const dir = mkdtempSync(join(tmpdir(), "outrigger-move-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, "outrigger.yaml");
  const prefix = `m${prefixes++}`;
  writeFileSync(
    file,
    `version: 1\ndata_dir: ./data\nredis: { url: "${redis.url}", key_prefix: ${prefix} }\napps: {}\n`,
  );
  return { dataDir: join(dir, "data"), file, prefix: `{${prefix}}:` };
}
type Place = ReturnType<typeof place>;

/** Opens one of the stores, does something with it and closes it. */
async function onFile<T>(
  { dataDir }: Place,
  clock: Clock,
  act: (spool: Spool & AnswerStore) => Promise<T>,
): Promise<T> {
  await using storage = await openStorage({ dataDir, clock, onEvent: () => undefined });
  return await act(await storage.openSpool({ bounds: BOUNDS, random: systemRandom, key: SPOOL_KEY }));
}

async function onRedis<T>(
  { prefix }: Place,
  clock: Clock,
  act: (spool: Spool & AnswerStore) => Promise<T>,
): Promise<T> {
  const seal = createSeal(SPOOL_KEY, systemRandom);
  const deps = {
    link: { client: link.client, prefix },
    clock,
    random: systemRandom,
    seal,
    instance: "test",
    serverMs: 0,
  };
  const spool = await openRedisSpool(deps, BOUNDS);
  try {
    return await act(spool);
  } finally {
    spool.close();
    await link.client.zrem(`${prefix}up`, "test");
  }
}

/** All that an operator can see. */
async function snapshot(spool: Spool & AnswerStore) {
  const jobs = new Map<string, unknown>();
  for (const { id } of await listAll(spool)) {
    const job = await spool.find(id);
    jobs.set(id, { ...job, body: job?.body && Buffer.from(job.body).toString("base64") });
  }
  const { states, routes, oldestAgeMs } = await spool.survey();
  const used = routes.filter(({ dead, app: _app, capability: _capability, ...counts }) =>
    [...Object.values(counts), ...Object.values(dead)].some((n) => n > 0),
  );
  const name = ({ app, capability }: { app: string; capability: string }): string => `${app}/${capability}`;
  const sorted = used.toSorted((a, b) => name(a).localeCompare(name(b)));
  const answer = await spool.recall(QUIZ, KEY.hash);
  return { jobs, states, routes: sorted, oldestAgeMs, answer: answer && { ...answer, body: text(answer.body) } };
}

const mover = ({ file }: Place, clock: ManualClock, more: Partial<MoveOptions> = {}) =>
  moveSpool({
    file,
    env: { OUTRIGGER_SPOOL_KEY: SPOOL_KEY },
    clock,
    random: systemRandom,
    from: "sqlite",
    to: "redis",
    serverMs: 0,
    progress: () => undefined,
    ...more,
  });

describe.skipIf(withoutRedis)("spool move", () => {
  beforeAll(async () => {
    redis = await startRedis({ appendfsync: "no" });
    link = openRedis(
      { url: redis.url, keyPrefix: "test", shared: [] },
      { clock: systemClock, random: systemRandom, emit: () => undefined },
    );
    await link.whenUp();
  });
  afterAll(async () => {
    await link.close();
    await redis.close();
  });

  test("carries every job there and back: ids, bodies, and all that an operator sees of them", async () => {
    const at = place();
    const clock = createManualClock();
    const before = await onFile(at, clock, async (spool) => {
      await fillSpool(spool, clock);
      return snapshot(spool);
    });
    // Else a kind of jobs was left out.
    const { leased, ...kinds } = before.states;
    expect([leased, Object.values(kinds).includes(0)]).toEqual([0, false]);
    const there = await mover(at, clock);
    expect(there).toMatchObject({ ok: true, value: { jobs: before.jobs.size, keys: 1, answers: 1 } });
    expect(await onRedis(at, clock, snapshot)).toEqual(before);
    expect((await onFile(at, clock, snapshot)).jobs.size).toBe(0);
    const back = await mover(at, clock, { from: "redis", to: "sqlite" });
    expect(back).toMatchObject({ ok: true, value: { jobs: before.jobs.size } });
    expect(await onFile(at, clock, snapshot)).toEqual(before);
    expect(await link.client.keys(`${at.prefix}bull:*`)).toEqual([]);
  });

  test("what was moved goes on there: order keys, keys of idempotency, and what is due", async () => {
    const at = place();
    const clock = createManualClock();
    const { first, second, keyed } = await onFile(at, clock, async (spool) => {
      const [a = "", b = ""] = await queueAll(spool, [
        newJob(clock, { orderKey: "k" }),
        newJob(clock, { orderKey: "k" }),
      ]);
      return { first: a, second: b, keyed: await queue(spool, newJob(clock, { key: KEY })) };
    });
    await mover(at, clock);
    await onRedis(at, clock, async (spool) => {
      expect(await spool.put(newJob(clock, { key: KEY }))).toEqual({ kind: "duplicate", id: keyed });
      const { jobs } = await claim(spool);
      expect(jobs.map(({ lease }) => lease.id)).toEqual([first, keyed]);
      await spool.settle(jobs[0]!.lease, { kind: "delivered", tries: [] });
      expect((await claim(spool)).jobs.map(({ lease }) => lease.id)).toEqual([second]);
      const later = await queue(spool, newJob(clock));
      expect(later > keyed).toBe(true);
    });
  });

  test("cut off by a kill and begun again, it loses nothing and doubles nothing", async () => {
    const at = place();
    const before = await onFile(at, systemClock, async (spool) => {
      const clock = createManualClock();
      await Promise.all(
        Array.from({ length: 1000 }, (_, i) => spool.put(newJob(clock, { body: Buffer.from(`${i}`) }))),
      );
      return bodies(spool);
    });
    expect(before.size).toBe(1000);
    const child = run(at);
    // As soon as the first have arrived.
    await expect.poll(() => link.client.zcard(`${at.prefix}all`), { interval: 1, timeout: 20_000 }).toBeGreaterThan(0);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(await link.client.zcard(`${at.prefix}all`)).toBeLessThan(1000);
    const again = run(at);
    const [code] = await once(again, "exit");
    expect(code).toBe(0);
    expect(await onRedis(at, systemClock, bodies)).toEqual(before);
    expect((await onFile(at, systemClock, bodies)).size).toBe(0);
  });

  test("it is refused while a sidecar runs on either store", async () => {
    const at = place();
    const clock = createManualClock();
    const whileOwned = await onFile(at, clock, () => mover(at, clock));
    expect(whileOwned).toMatchObject({ ok: false, error: [expect.stringContaining("is in use by this very process")] });
    const whileShared = await onRedis(at, clock, () => mover(at, clock));
    expect(whileShared).toMatchObject({ ok: false, error: [expect.stringContaining("1 other sidecar")] });
  });
});

const text = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString();

async function bodies(spool: Spool): Promise<Map<string, string>> {
  const found = (await listAll(spool)).map(async ({ id }) => [id, text((await spool.find(id))?.body)] as const);
  return new Map(await Promise.all(found));
}

function run({ file }: Place): ChildProcess {
  const args = [MAIN, "spool", "move", "--from", "sqlite", "--to", "redis", "-c", file];
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env.PATH ?? "", OUTRIGGER_SPOOL_KEY: SPOOL_KEY },
    stdio: "ignore",
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}
