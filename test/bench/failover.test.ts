import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { failoverFigures, reachedBoth, type Sample, SETTINGS } from "../../bench/lib/failover.ts";
import { NATIVE_ENV } from "../../bench/lib/native.ts";
import { haproxyFailoverBackend } from "../../bench/peers/failover.haproxy.ts";
import { nginxFailoverConfig } from "../../bench/peers/failover.nginx.ts";
import { oursFailoverManifest } from "../../bench/peers/failover.ours.ts";
import { haproxy, haproxyConfig } from "../../bench/peers/haproxy.ts";
import { nginx, nginxConfig } from "../../bench/peers/nginx.ts";
import { formatProblem, loadManifest } from "../../src/manifest/load.ts";
import { backoffCeilingMs } from "../../src/policy/backoff.ts";
import { tryTimeMs } from "../../src/policy/retry.decide.ts";

const FAULT_MS = 1_000;

/** One request every 10 ms from `fromMs` on, each answered after 5 ms. */
const answers = (fromMs: number, count: number, given: Partial<Sample> = {}): Sample[] =>
  Array.from({ length: count }, (_, i) => {
    const dueMs = fromMs + 10 * i;
    return { dueMs, endMs: dueMs + 5, status: 200, from: "primary", why: null, ...given };
  });
const backup = { from: "backup" } as const;
const moved = (...samples: readonly Sample[]): number | null => failoverFigures(samples, FAULT_MS).movedMs;

test("no answer, and one of 500 and above, has failed, and the reasons are counted", () => {
  const { requests, failed, failures } = failoverFigures(
    [
      ...answers(0, 5),
      ...answers(0, 2, { status: 502, from: null }),
      ...answers(0, 1, { status: 500 }),
      ...answers(0, 3, { status: null, from: null, why: "ECONNRESET" }),
      ...answers(0, 1, { status: 499 }),
    ],
    FAULT_MS,
  );
  expect({ requests, failed }).toEqual({ requests: 12, failed: 6 });
  expect(failures).toEqual(["2 × status 502", "1 × status 500", "3 × ECONNRESET"]);
});

test("times count from when a request should have left, and those of failed ones count too", () => {
  const failed = { status: null, from: null, why: "no answer in 10 s" };
  const { slow, p99Ms, maxMs } = failoverFigures(
    [
      ...answers(0, 98),
      { dueMs: 500, endMs: 1_500, status: 200, from: "backup", why: null },
      { dueMs: 500, endMs: 10_500, ...failed },
    ],
    FAULT_MS,
  );
  expect({ slow, p99Ms, maxMs }).toEqual({ slow: 1, p99Ms: 1_000, maxMs: 10_000 });
});

test("the move is the first answer of the backup after which none comes from the primary", () => {
  // Before the fault the backup answered once: that was no failover.
  const before = [...answers(0, 50), ...answers(900, 1, backup)];
  expect(moved(...before, ...answers(1_200, 20, backup))).toBe(205);
  // The primary still answers some: it is not over yet.
  expect(moved(...before, ...answers(1_200, 20, backup), ...answers(1_400, 1), ...answers(1_500, 20, backup))).toBe(
    505,
  );
});

test("a straggler of the primary after a hundred answers of the backup in a row undoes no move", () => {
  expect(moved(...answers(1_200, 100, backup), ...answers(2_500, 1), ...answers(2_600, 5, backup))).toBe(205);
  expect(moved(...answers(1_200, 99, backup), ...answers(2_500, 1), ...answers(2_600, 5, backup))).toBe(1_605);
});

test("order is that of the answers, not of the requests", () => {
  const late: Sample = { dueMs: 900, endMs: 4_000, status: 200, from: "backup", why: null };
  expect(moved(late, ...answers(1_200, 20))).toBe(3_000);
});

test("a backup that takes over for nobody, or not for good, has not taken over", () => {
  expect(moved(...answers(0, 200))).toBeNull();
  expect(moved(...answers(0, 100), ...answers(1_000, 50, { status: 502, from: null }))).toBeNull();
  expect(moved(...answers(1_200, 20, backup), ...answers(1_500, 20))).toBeNull();
});

test("a request that reached both counts once, however often it was tried", () => {
  expect(reachedBoth(["1", "2", "2", "3"], ["2", "2", "3", "4"])).toBe(2);
  expect(reachedBoth(["1"], ["2"])).toBe(0);
});

const PORTS = { primary: 4_001, backup: 4_002 };
let folder = "";
const inFolder = (name: string, text: string): string => {
  folder = mkdtempSync(join(tmpdir(), "outrigger-failover-"));
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
};
afterEach(() => folder !== "" && rmSync(folder, { recursive: true, force: true }));

test("ours is a manifest that loads, and the others' time of a try is what it gives to a first one", () => {
  const loaded = loadManifest(inFolder("outrigger.yaml", oursFailoverManifest("data", PORTS)), { env: {} });
  if (!loaded.ok) throw new Error(loaded.error.map(formatProblem).join("\n"));
  const { apps, routes } = loaded.value.manifest;
  const { retry, timeoutMs } = routes[0]!;
  const given = tryTimeMs({
    leftMs: timeoutMs,
    capMs: null,
    sharers: retry.attempts + apps[0]!.upstreams.length - 1,
    comingBackoffMs: backoffCeilingMs(retry, 1),
  });
  expect({ timeoutMs, tryMs: given, repeat: retry.repeat }).toEqual({
    timeoutMs: SETTINGS.timeoutMs,
    tryMs: SETTINGS.tryMs,
    repeat: "always",
  });
});

test.runIf(nginx.version() !== null)("nginx takes its configuration", () => {
  const file = inFolder("nginx.conf", "");
  writeFileSync(file, nginxConfig(folder, 4_000, nginxFailoverConfig(PORTS)));
  const { status, stderr } = spawnSync("nginx", ["-t", "-q", "-p", folder, "-e", "stderr", "-c", file], {
    encoding: "utf8",
    env: NATIVE_ENV,
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});

test.runIf(haproxy.version() !== null)("haproxy takes its configuration", () => {
  const file = inFolder("haproxy.cfg", haproxyConfig(4_000, haproxyFailoverBackend(PORTS)));
  const { status, stderr } = spawnSync("haproxy", ["-c", "-f", file], { encoding: "utf8", env: NATIVE_ENV });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});
