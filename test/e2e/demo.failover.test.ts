import { spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";

/** The chapter about failover as anybody runs it: no call fails, traffic comes back, and its exit code must say so. */

test("demo failover --once costs no call, whatever befalls the primary, and ends with 0", {
  timeout: 150_000,
}, async () => {
  const args = ["src/main.ts", "demo", "failover", "--once"];
  const demo = spawn(process.execPath, args, { signal: AbortSignal.timeout(140_000) });
  const [out, err, [code]] = await Promise.all([text(demo.stdout), text(demo.stderr), once(demo, "close")]);
  expect({ code, err }, out).toEqual({ code: 0, err: "" });

  // Each fault: that which was done to it, what was seen of it, and why traffic moved.
  for (const name of ["killed", "hung", "broken"]) {
    const row = new RegExp(`^ {3}${name} +(\\d+) +0 +\\d+ +\\d.* ms +\\d.* ms +\\d.* ms +[\\d.]+ s$`, "m").exec(out);
    expect(Number(row?.[1]), `the row ${name} in\n${out}`).toBeGreaterThan(300);
  }
  const reasons = [...out.matchAll(/^ {3}failover +\+[\d.]+ s +primary → backup +(\w+)$/gm)].map(([, why]) => why);
  expect(reasons[1]).toBe("hang");
  expect(reasons).toHaveLength(3);
  expect(out.match(/^ {3}failback +\+[\d.]+ s +backup → primary +recovered$/gm)).toHaveLength(3);

  // What the commands say of it.
  expect(out).toMatch(/^ {5}quiz {2}degraded +primary +away +unhealthy/m);
  expect(out).toMatch(/^ {5}quiz {2}degraded +\* +backup +serving +healthy/m);
  expect(out).toContain("$ outrigger failover show");

  expect(out).toMatch(/kept +no call failed +0 of \d{4} failed\n/);
  expect(out).not.toContain("BROKEN");
  expect(out).toContain("Every promise was kept.");
  expect(out).not.toContain("\u001b");
  for (const line of out.replaceAll(tmpdir(), "/tmp").split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);

  // Nothing is left behind: the primary was two processes.
  const pids = new Set([...out.matchAll(/pid (\d+)/g)].map(([, pid]) => Number(pid)));
  expect(pids.size).toBe(4);
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow("ESRCH");
});
