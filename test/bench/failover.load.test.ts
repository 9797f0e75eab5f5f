import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { type Bench, openBench } from "../../bench/lib/bench.ts";
import type { FailoverLoad, FailoverSaid, Sample } from "../../bench/lib/failover.ts";
import { startFailoverApp } from "../../bench/peers/failover.apps.ts";

const PROGRAM = fileURLToPath(new URL("../../bench/lib/failover.load.program.ts", import.meta.url));
const OPTIONS = {
  full: false,
  short: false,
  profile: false,
  pairs: 1,
  seconds: 1,
  rate: null,
  peers: null,
  only: null,
  minutes: null,
};

let bench: Bench | null = null;
afterEach(() => bench?.close());

/** Sixty requests straight to a primary that meets its fault in the middle. */
async function meet(signal: NodeJS.Signals): Promise<{ outcomes: Record<string, number>; ids: readonly string[] }> {
  bench = openBench(OPTIONS, "wrk", () => {});
  const app = await startFailoverApp(bench, "primary");
  const load: FailoverLoad = {
    port: app.port,
    path: "/hook",
    body: "{}",
    rate: 100,
    seconds: 0.6,
    timeoutMs: 500,
    fault: { pid: app.pid, signal, atMs: 300 },
    file: join(bench.folder("samples"), "samples.json"),
  };
  const client = bench.procs.start("client", process.execPath, [PROGRAM, JSON.stringify(load)]);
  const said = JSON.parse(await client.output(20_000)) as FailoverSaid;
  expect(said.faultMs).toBeGreaterThanOrEqual(300);
  const samples = JSON.parse(readFileSync(load.file, "utf8")) as Sample[];
  const outcomes: Record<string, number> = {};
  for (const { status, from, why } of samples) {
    const what = `${status ?? why} ${from}`;
    outcomes[what] = (outcomes[what] ?? 0) + 1;
  }
  expect(samples).toHaveLength(60);
  return { outcomes, ids: await app.ids() };
}

test("the client goes on through a fault, and every request has an answer or a reason", async () => {
  const { outcomes, ids } = await meet("SIGKILL");
  expect(outcomes["200 primary"]).toBeGreaterThan(0);
  expect(outcomes["ECONNREFUSED null"]).toBeGreaterThan(0);
  // What it had received and not answered is known, though it was killed.
  expect(ids.length).toBeGreaterThanOrEqual(outcomes["200 primary"] ?? 0);
  expect(ids.length).toBeLessThanOrEqual(60 - (outcomes["ECONNREFUSED null"] ?? 0));
});

test("a stopped app answers nobody in time, and what waited for it counts as received once it goes on", async () => {
  const { outcomes, ids } = await meet("SIGSTOP");
  expect(outcomes["200 primary"]).toBeGreaterThan(0);
  expect(outcomes["no answer in 0.5 s null"]).toBeGreaterThan(0);
  expect(ids.length).toBeGreaterThan(outcomes["200 primary"] ?? 0);
  expect(new Set(ids).size).toBe(ids.length);
});

test("an app that answers 500 says who it is", async () => {
  const { outcomes, ids } = await meet("SIGUSR2");
  expect(Object.keys(outcomes).toSorted()).toEqual(["200 primary", "500 primary"]);
  expect(ids).toHaveLength(60);
});
