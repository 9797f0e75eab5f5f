import { statSync } from "node:fs";
import { join } from "node:path";
import { addCall } from "../../src/core/calls.ts";
import { systemClock, threadCpuMs } from "../../src/core/clock.ts";
import type { RequestCompleted } from "../../src/core/events.ts";
import { systemRandom } from "../../src/core/random.ts";
import { createHeldCalls } from "../../src/observe/calls.held.ts";
import { createCallHistory } from "../../src/observe/calls.ts";
import { openStorage } from "../../src/storage/storage.ts";
import { attemptOf, requestCompleted } from "../../test/help/events.ts";
import { residentMb } from "../lib/resident.ts";

/**
 * `fill` makes a week of calls, as the history itself would have kept it; `ask`, a process of its own whose memory is
 * that of the questions, asks about it. Both print what that took as JSON.
 * Hours of more than two days ago come in four of their minutes only: they are read by the hour, and it is the same one.
 */

const [act = "", dataDir = "", count = "", routeCount = ""] = process.argv.slice(2);
const CALLS = Number(count);
const ROUTES = Number(routeCount);
const APPS = 20;
const HOURS = 7 * 24;
const HOUR_MS = 3_600_000;
const ROWS = 100;
const ROUNDS = 20;
const RECORDED = 2_000_000;

const storage = await openStorage({ dataDir, clock: systemClock, onEvent: () => {} });
const store = storage.history.calls;
const end = systemClock.wall();
const routes = Array.from({ length: ROUTES }, (_, i) => {
  const [app, capability] = [`app${i % APPS}`, `capability${i}`];
  return { app, capability, key: `${app}/${capability}`, mode: "sync" } as const;
});

/** A long tail, as latencies have: milliseconds. Made before, so that drawing is not what takes the time. */
const LATENCIES = Float64Array.from({ length: 65_536 }, () => 3 + 12 * (-Math.log(1 - systemRandom.float())) ** 2.2);

async function fill(): Promise<void> {
  const perHour = Math.round(CALLS / ROUTES / HOURS);
  let drawn = 0;
  for (let ago = HOURS; ago > 0; ago--) {
    const held = createHeldCalls();
    const minutes = ago > 48 ? 4 : 60;
    const first = Math.floor((end - ago * HOUR_MS) / 60_000);
    for (const { key, app, capability } of routes) {
      for (let n = 0; n < perHour; n++) {
        const tally = held.of(first + (n % minutes), key, app, capability);
        const failed = n % 97 === 0;
        addCall(tally, failed ? "failed" : "ok", failed ? "timeout" : null, 200, LATENCIES[drawn++ & 65_535] as number);
      }
    }
    held.collect();
    for (let rows = held.next(ROWS); rows.length > 0; rows = held.next(ROWS)) await store.add(rows);
    const before = Math.floor((end - HOUR_MS) / HOUR_MS);
    while (await store.roll(before));
    const bounds = { minute: Math.floor(end / 60_000) - 49 * 60, hour: 0, samplesMs: 0, maxBytes: 2 ** 40 };
    while (await store.prune(bounds));
  }
}

async function timed(ask: () => Promise<unknown>): Promise<number[]> {
  const found: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const from = systemClock.now();
    await ask();
    found.push(systemClock.now() - from);
  }
  return found;
}

const print = (found: object): void => void process.stdout.write(`${JSON.stringify(found)}\n`);

async function ask(): Promise<void> {
  const idleMb = residentMb(process.pid);
  const settings = { retainMs: 90 * 24 * HOUR_MS, samples: "all", samplesRate: 1000, maxBytes: 2 ** 40 } as const;
  const calls = createCallHistory({ clock: systemClock, random: systemRandom, store, settings });
  const week = { fromMs: end - 7 * 24 * HOUR_MS, toMs: end, stepMs: HOUR_MS };
  const [some] = routes;
  if (some === undefined) throw new Error("at least one route is needed");
  const [whole] = await calls.series([{ app: null, capability: null }], week);
  // As many as one page has over a week.
  const lines = routes.slice(0, 65).map(({ app, capability }) => ({ app, capability }));
  const asked = {
    all: await timed(() => calls.series([{ app: null, capability: null }], week)),
    app: await timed(() => calls.series([{ app: some.app, capability: null }], week)),
    route: await timed(() => calls.series([{ app: some.app, capability: some.capability }], week)),
    lines: await timed(() => calls.series(lines, { ...week, stepMs: 6 * HOUR_MS })),
    hour: await timed(() => calls.series(lines, { fromMs: end - HOUR_MS, toMs: end, stepMs: 60_000 })),
    byRoute: await timed(() => calls.totalsByRoute({ fromMs: end - HOUR_MS / 4, toMs: end })),
  };
  const queriedMb = residentMb(process.pid) - idleMb;

  const events: RequestCompleted[] = routes.map((route, i) =>
    requestCompleted({ route, durationMs: LATENCIES[i] as number, attempts: [attemptOf()] }),
  );
  const cpuBefore = threadCpuMs();
  for (let n = 0; n < RECORDED; n++) {
    const event = events[n % ROUTES] as RequestCompleted;
    calls.record({ ...event, at: systemClock.wall(), durationMs: LATENCIES[n & 65_535] as number });
  }
  const recordUs = ((threadCpuMs() - cpuBefore) * 1000) / RECORDED;
  await calls.stop();
  const writtenUs = ((threadCpuMs() - cpuBefore) * 1000) / RECORDED;
  await storage.close();
  const { size } = statSync(join(dataDir, "history.db"));
  print({ calls: whole?.total.count ?? 0, asked, queriedMb, recordUs, writtenUs, fileBytes: size });
}

if (act === "ask") await ask();
else {
  const startedAt = systemClock.now();
  await fill();
  await storage.close();
  print({ fillSeconds: (systemClock.now() - startedAt) / 1000 });
}
