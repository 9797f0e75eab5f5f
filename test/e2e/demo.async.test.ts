import { spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";

/** The asynchronous chapter as anybody runs it: nothing that was accepted is lost, and its exit code must say so. */

const ROUND = 329;

test("demo async --once loses nothing, whatever is killed, and ends with 0", { timeout: 150_000 }, async () => {
  const args = ["src/main.ts", "demo", "async", "--once"];
  const demo = spawn(process.execPath, args, { signal: AbortSignal.timeout(140_000) });
  const [out, err, [code]] = await Promise.all([text(demo.stdout), text(demo.stderr), once(demo, "close")]);
  expect({ code, err }, out).toEqual({ code: 0, err: "" });

  // The app is dead: all are accepted, and none spends a try on a closed door.
  expect(out).toContain(`${3 * ROUND} accepted`);
  expect(out).toMatch(/Location: \/\.outrigger\/deliveries\/[0-9a-f-]{36}\n/);
  expect(out).toMatch(/\{"id":"[0-9a-f-]{36}","status":"queued"/);
  expect(out).toContain("status: parked");
  expect(out).toContain(`parked, breaker_open; ${3 * ROUND} wait`);
  expect(out).toMatch(/tries since +0; trials of the breaker: [1-9]/);

  // Outrigger is dead: callers are cut off; what they were promised before is there after.
  const [, accepted = "", cutOff = ""] = /more payloads +(\d+) accepted, (\d+) without an answer/.exec(out) ?? [];
  expect(Number(accepted)).toBeGreaterThanOrEqual(150);
  expect(Number(accepted) + Number(cutOff)).toBe(ROUND);
  expect(out).toContain(`${3 * ROUND + Number(accepted)}; still there: ${3 * ROUND + Number(accepted)}`);
  expect(out).toContain(`waiting                  ${4 * ROUND} of ${4 * ROUND}`);

  // The app is back.
  expect(out).toMatch(new RegExp(`all +${4 * ROUND} of ${4 * ROUND} +after`));
  expect(out).toContain(`${4 * ROUND} valid, 0 not`);

  // The dead letter: listed by the command, with why, and delivered by the command.
  const [, dead = ""] = /\$ outrigger dlq retry (\S+)\n/.exec(out) ?? [];
  expect(out).toMatch(new RegExp(`${dead} +quiz/github +dead\\n`));
  expect(out).toContain("permanent_status");
  expect(out).toContain(`${dead} queued again`);
  expect(out).toMatch(/the payload +has arrived/);
  expect(out).toMatch(new RegExp(`each that was accepted has arrived +${4 * ROUND + 21} of ${4 * ROUND + 21}\\n`));

  expect(out).not.toContain("BROKEN");
  expect(out).toContain("Every promise was kept.");
  expect(out).not.toContain("\u001b");
  for (const line of out.replaceAll(tmpdir(), "/tmp").split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);

  // Nothing is left behind: two apps and two of Outrigger.
  const pids = new Set([...out.matchAll(/pid (\d+)/g)].map(([, pid]) => Number(pid)));
  expect(pids.size).toBe(4);
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow("ESRCH");
});
