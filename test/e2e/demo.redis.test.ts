import { spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { text } from "node:stream/consumers";
import { describe, expect, onTestFinished, test } from "vitest";
import { redis } from "../../src/cli/demo/chapters/redis.ts";
import { playChapter } from "../../src/cli/demo/demo.ts";
import { systemClock } from "../../src/core/clock.ts";
import { systemRandom } from "../../src/core/random.ts";
import { createIo } from "../help/io.ts";
import { withoutRedis } from "../help/redis.ts";

/** The chapter of several sidecars as anybody runs it: each may die, and its exit code must say whether that costs anything. */

const pidsIn = (out: string): number[] => [...new Set([...out.matchAll(/pid (\d+)/g)].map(([, pid]) => Number(pid)))];

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe.skipIf(withoutRedis)("demo redis", () => {
  test("--once loses nothing, shares what one learns, and ends with 0", { timeout: 150_000 }, async () => {
    const args = ["src/main.ts", "demo", "redis", "--once"];
    const demo = spawn(process.execPath, args, { signal: AbortSignal.timeout(140_000) });
    const [out, err, [code]] = await Promise.all([text(demo.stdout), text(demo.stderr), once(demo, "close")]);
    expect({ code, err }, out).toEqual({ code: 0, err: "" });

    // The dead one had jobs in its hands, and the others delivered every one of them.
    const [, held = ""] = /in its hands +(\d+), under way/.exec(out) ?? [];
    const [, given = "", of = ""] = /delivered by the others +(\d+) of (\d+) +after/.exec(out) ?? [];
    expect(Number(held)).toBeGreaterThan(0);
    expect([given, of]).toEqual([held, held]);
    expect(out).toMatch(/answered, 0 lost/);
    expect(out).toMatch(/[1-9]\d* made again, at the next sidecar/);

    // What one learns holds for all.
    expect(out).toMatch(/open on +3 of 3/);
    expect(out).toContain("10 of 10 refused at once");
    expect(out).toContain("0 reached the app");
    expect(out).toMatch(/closed on +3 of 3/);
    expect(out).toMatch(/decided by (one|two|three) /);

    const [, arrived, accepted] = /each job that was accepted has arrived +(\d+) of (\d+)\n/.exec(out) ?? [];
    expect(arrived).toBe(accepted);
    expect(out).not.toContain("BROKEN");
    expect(out).toContain("Every promise was kept.");
    expect(out).not.toContain("\u001b");
    for (const line of out.replaceAll(tmpdir(), "/tmp").split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);

    // Nothing is left behind: Redis, three of Outrigger, and the one that was started again.
    const pids = pidsIn(out);
    expect(pids).toHaveLength(5);
    expect(pids.filter(isAlive)).toEqual([]);
  });

  test("killed in the midst, it leaves no process behind", { timeout: 90_000 }, async () => {
    const demo = spawn(process.execPath, ["src/main.ts", "demo", "redis"], { stdio: ["ignore", "pipe", "inherit"] });
    onTestFinished(() => void demo.kill("SIGKILL"));
    let out = "";
    for await (const chunk of demo.stdout) {
      out += String(chunk);
      if (out.includes("1. All is well")) break;
    }
    const pids = pidsIn(out);
    expect(pids).toHaveLength(4);
    expect(pids.every(isAlive)).toBe(true);
    demo.kill("SIGKILL");
    await expect.poll(() => pids.filter(isAlive), { timeout: 60_000, interval: 100 }).toEqual([]);
  });
});

test("where no Redis is installed it says how to get one, and starts nothing", async () => {
  const io = createIo({ env: { PATH: "" } });
  const code = await playChapter(redis, true, io, { clock: systemClock, random: systemRandom });
  expect([code, io.out()]).toEqual([1, ""]);
  expect(io.err()).toContain("apt-get install redis-server");
});
