import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import { text } from "node:stream/consumers";
import { expect, test, vi } from "vitest";

/** The demo as anybody runs it: what it tells must be true, and its exit code must say so. */

// On a machine that does much else the demo takes several times its 25 s, and all that it promises holds still.
test("demo --once shows the main job and ends with 0", { timeout: 150_000 }, async () => {
  const demo = spawn(process.execPath, ["src/main.ts", "demo", "--once"], { signal: AbortSignal.timeout(140_000) });
  const [out, err, [code]] = await Promise.all([text(demo.stdout), text(demo.stderr), once(demo, "close")]);
  expect({ code, err }, out).toEqual({ code: 0, err: "" });

  // Everybody had an answer, in time.
  const { calls, inTime, ok, declined, fallback, failed } = summary(out, "all");
  expect(calls).toBeGreaterThan(1000);
  expect(inTime).toBe(calls);
  expect(ok + declined + fallback + failed).toBe(calls);

  // Well or slow, the app answered itself; hanging, broken or dead, something answered in its place.
  expect(summary(out, "well")).toMatchObject({ calls: 650, ok: 649, declined: 1 });
  expect(summary(out, "slow")).toMatchObject({ calls: 20, ok: 20 });
  expect(summary(out, "hanging")).toMatchObject({ calls: 20, fallback: 20 });
  expect(summary(out, "broken")).toMatchObject({ calls: 200, fallback: 200 });
  expect(summary(out, "dead")).toMatchObject({ calls: 150, fallback: 100, failed: 50 });
  expect(summary(out, "well again")).toMatchObject({ calls: 150, ok: 150 });

  expect(out).toContain("329 signatures valid at the app");
  expect(out).toContain("Outrigger-Outcome: fallback;reason=breaker_open;strategy=pending_approval");
  expect(out).toContain("Outrigger-Outcome: failed;reason=breaker_open");
  for (const route of ["winner_selection", "participant_registration", "quiz_answer"]) {
    expect(out).toMatch(new RegExp(`${route} +\\+[\\d.]+ s +\\+[\\d.]+ s +\\+[\\d.]+ s\\n`));
  }
  expect(out).not.toContain("BROKEN");
  expect(out).toContain("Every promise was kept.");

  // It reads well in a terminal of 80 columns, and without colour where nobody looks.
  expect(out).not.toContain("\u001b");
  // Only a path may be longer than the person's terminal is wide.
  for (const line of out.replaceAll(tmpdir(), "/tmp").split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);

  // Nothing is left behind.
  for (const [, pid] of out.matchAll(/pid (\d+)/g)) expect(() => process.kill(Number(pid), 0)).toThrow("ESRCH");
});

test("a demo that is killed leaves no process behind", { timeout: 90_000 }, async () => {
  const demo = spawn(process.execPath, ["src/main.ts", "demo"]);
  let said = "";
  for await (const piece of demo.stdout) {
    said += piece;
    if (said.includes("1. The app is well")) break;
  }
  const pids = [...said.matchAll(/pid (\d+)/g)].map(([, pid]) => Number(pid));
  expect(pids).toHaveLength(2);
  demo.kill("SIGKILL");
  const anyLeft = (): void => {
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  };
  await vi.waitFor(anyLeft, { timeout: 60_000 });
  rmSync(dirname(/\/\S+\/outrigger\.yaml/.exec(said)?.[0] ?? "/nowhere"), { recursive: true, force: true });
});

/** A row of the table of what the callers saw. */
function summary(out: string, name: string) {
  const row = new RegExp(`^ {3}${name} +(\\d+) +(\\d+) +(\\d+) +(\\d+) +(\\d+) +(\\d+) +[\\d.]+ ms$`, "m").exec(out);
  expect(row, `the row ${name} in\n${out}`).not.toBeNull();
  const [calls = 0, inTime = 0, ok = 0, declined = 0, fallback = 0, failed = 0] = (row ?? []).slice(1).map(Number);
  return { calls, inTime, ok, declined, fallback, failed };
}
