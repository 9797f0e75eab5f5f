import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test, vi } from "vitest";
import type { Caller, Seen } from "../../src/cli/demo/caller.ts";
import { startLoad, type Timed } from "../../src/cli/demo/load.ts";
import { accountOf, type Move, moveOf, moveRows, type Ordeal } from "../../src/cli/demo/moves.ts";
import * as pair from "../../src/cli/demo/pair.ts";
import { startToyApp } from "../../src/cli/demo/toy.ts";
import { systemClock } from "../../src/core/clock.ts";
import { createManualClock } from "../help/manual-clock.ts";

/** What the failover chapter of the demo is told with: a steady load, an account of a fault, an app that is stopped. */

const [PRIMARY, BACKUP] = [1, 2];

function call(startedAt: number, endedAt: number, by: number | null): Timed {
  return { startedAt, endedAt, by, seen: {} as Seen };
}

function move(kind: Move["kind"], at: number, reason: string): Move {
  const [from, to] = kind === "failover" ? ["primary", "backup"] : ["backup", "primary"];
  return { kind, from, to, reason, at };
}

const HANG: Ordeal = {
  primary: PRIMARY,
  backup: BACKUP,
  faultAt: 1_000,
  healedAt: 5_000,
  calls: [
    call(1_490, 1_502, BACKUP),
    call(1_010, 1_503, BACKUP),
    call(995, 1_510, BACKUP),
    call(1_600, 1_602, BACKUP),
    call(9_000, 9_004, PRIMARY),
    call(9_001, 9_003, BACKUP),
    call(9_500, 9_502, PRIMARY),
    call(9_510, 9_512, PRIMARY),
    call(9_520, 9_522, BACKUP),
  ],
  moves: [move("failover", 1_500, "hang"), move("failback", 9_100, "recovered")],
};

test("the account of a fault: first answer, move, last that waited, first tried, back", () => {
  expect(accountOf(HANG)).toEqual({
    firstMs: 502,
    movedMs: 500,
    allMs: 510,
    triedMs: 4_004,
    backMs: 4_100,
    since: 3,
    sinceByPrimary: 2,
    reason: "hang",
    failovers: 1,
    failbacks: 1,
  });
});

test("the backup has not all of the traffic while the primary still answers, or a call from before the move waits", () => {
  const late = [...HANG.calls.slice(0, 4), call(2_000, 2_004, PRIMARY), ...HANG.calls.slice(4)];
  expect(accountOf({ ...HANG, calls: late }).allMs).toBe(1_004);
  expect(accountOf({ ...HANG, calls: HANG.calls.slice(3) }).allMs).toBe(500);
});

test("what did not come is said to be missing, and each move counts", () => {
  const never = accountOf({ ...HANG, healedAt: Infinity, calls: [], moves: [] });
  expect(never).toMatchObject({ firstMs: null, movedMs: null, allMs: null, triedMs: null, backMs: null });
  expect(never).toMatchObject({ reason: "did not move", failovers: 0, failbacks: 0, since: 0 });
  const flaps = accountOf({ ...HANG, moves: [...HANG.moves, move("failover", 9_600, "probe")] });
  expect(flaps).toMatchObject({ failovers: 2, failbacks: 1, movedMs: 500 });
});

test("an event's wall time becomes time since the start, as a row", () => {
  const told = { type: "failback", from: "backup", to: "primary", reason: "recovered", at: "2026-01-01T00:00:01.500Z" };
  const back = moveOf(told, 7_000, Date.parse("2026-01-01T00:00:02.000Z"));
  expect(back.at).toBe(6_500);
  expect(moveRows([back], 1_000)).toEqual([["failback", "+5.5 s", "backup → primary", "recovered"]]);
});

test("the load keeps its pace whether answers come or not, and its end waits for those under way", async () => {
  const clock = createManualClock();
  const answers: ((by: string) => void)[] = [];
  const caller = {
    call: () =>
      new Promise<Seen>((resolve) => {
        answers.push((by) => resolve({ headers: ["Served-By", by] } as unknown as Seen));
      }),
  } as unknown as Caller;
  const load = startLoad({ caller, hook: pair.answer, everyMs: 10, clock, signal: new AbortController().signal });
  for (let n = 1; n <= 3; n++) {
    await vi.waitFor(() => expect(clock.pending()).toBe(1));
    expect(answers).toHaveLength(n);
    clock.advance(10);
  }
  await vi.waitFor(() => expect(answers).toHaveLength(4));
  expect(load.calls).toHaveLength(0);
  answers[0]?.("7");
  await vi.waitFor(() => expect(load.calls).toMatchObject([{ startedAt: 0, endedAt: 30, by: 7 }]));
  expect(load.endedBefore(10)).toBe(true);
  expect(load.endedBefore(11)).toBe(false);

  const stopped = load.stop();
  clock.advance(10);
  for (const answer of answers) answer("8");
  await stopped;
  expect(load.calls).toHaveLength(4);
  expect(clock.pending()).toBe(0);
});

function stateOf(pid: number): string {
  return execFileSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" });
}

test("a frozen toy app does nothing until it is thawed", async () => {
  const app = await startToyApp({ secret: "s", port: 0, env: process.env, clock: systemClock, onDeath: () => {} });
  onTestFinished(() => app.kill());
  app.freeze();
  await vi.waitFor(() => expect(stateOf(app.pid)).toContain("T"));
  app.thaw();
  expect(await app.report()).toMatchObject({ verified: 0 });
  app.freeze();
  await app.kill();
  expect(() => process.kill(app.pid, 0)).toThrow("ESRCH");
});

test("a frozen toy app ends with who started it, even one that is killed", async () => {
  const script = `
    import { startToyApp } from "./src/cli/demo/toy.ts";
    import { systemClock } from "./src/core/clock.ts";
    const app = await startToyApp({ secret: "s", port: 0, env: process.env, clock: systemClock, onDeath() {} });
    app.freeze();
    console.log(app.pid);`;
  const demo = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void demo.kill("SIGKILL"));
  const [line] = (await once(createInterface({ input: demo.stdout }), "line")) as [string];
  const pid = Number(line);
  await vi.waitFor(() => expect(stateOf(pid)).toContain("T"));
  demo.kill("SIGKILL");
  await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow("ESRCH"), { timeout: 20_000 });
});
