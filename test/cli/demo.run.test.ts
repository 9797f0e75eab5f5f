import { existsSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import type { Chapter, Stage } from "../../src/cli/demo/chapter.ts";
import { demoCommand, playChapter } from "../../src/cli/demo/demo.ts";
import type { Sidecar } from "../../src/cli/demo/sidecar.ts";
import { runCli } from "../../src/cli/program.ts";
import { systemClock } from "../../src/core/clock.ts";
import { systemRandom } from "../../src/core/random.ts";
import { createIo } from "../help/io.ts";

const edge = { clock: systemClock, random: systemRandom };

/** An `Io` of which one can wait for a text. */
function createReadIo() {
  let seen = "";
  let tell = (): void => {};
  const io = createIo({
    env: process.env,
    stdout: (text) => {
      seen += text;
      tell();
    },
  });
  const saying = (text: string): Promise<string> =>
    new Promise((resolve) => {
      tell = () => {
        if (seen.includes(text)) resolve(seen);
      };
      tell();
    });
  return { ...io, out: () => seen, saying };
}

function pidsIn(text: string): number[] {
  return [...text.matchAll(/pid (\d+)/g)].map(([, pid]) => Number(pid));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** The demo's own directory, from its log's path, which it names where it keeps them: looked at, then removed. */
function removeDirOf(text: string): void {
  const dir = dirname(dirname(/Outrigger's log: (\S+)/.exec(text)?.[1] ?? ""));
  expect(dir).toContain("outrigger-demo-");
  expect(existsSync(dir)).toBe(true);
  rmSync(dir, { recursive: true });
}

test("without --once it keeps running, says how to look, and a signal ends everything it started", {
  timeout: 150_000,
}, async () => {
  const io = createReadIo();
  const code = runCli(["demo"], io, [demoCommand(edge)]);
  const said = await Promise.race([io.saying("Ctrl-C ends everything."), code.then(() => io.out() + io.err())]);
  expect(said).toContain("Every promise was kept.");
  expect(said).toMatch(/export OUTRIGGER_ADMIN=http:\/\/127\.0\.0\.1:\d+\n/);
  for (const look of ["status", "routes", "breaker list", "tail", "/metrics"]) expect(said).toContain(look);

  const admin = /export OUTRIGGER_ADMIN=(\S+)/.exec(said)?.[1];
  expect((await fetch(`${admin}/readyz`)).status).toBe(200);
  expect(await (await fetch(`${admin}/metrics`)).text()).toContain('outrigger_fallbacks_total{app="quiz"');
  const dir = dirname(/\/\S+\/outrigger\.yaml/.exec(said)?.[0] ?? "");
  expect(existsSync(dir)).toBe(true);

  io.abort();
  expect(await code).toBe(0);
  expect(pidsIn(said).filter(isAlive)).toEqual([]);
  expect(existsSync(dir)).toBe(false);
});

test("an interrupted demo ends what it started; with --once that is a problem, since nothing was shown", {
  timeout: 90_000,
}, async () => {
  const io = createReadIo();
  const code = runCli(["demo", "sync", "--once"], io, [demoCommand(edge)]);
  const said = await io.saying("1. The app is well");
  io.abort();
  expect(await code).toBe(1);
  expect(io.out()).toContain("Ending");
  expect(pidsIn(said).filter(isAlive)).toEqual([]);
});

test("where Outrigger dies by itself, the demo says so, keeps its log and fails", { timeout: 90_000 }, async () => {
  const io = createReadIo();
  const code = runCli(["demo", "--once"], io, [demoCommand(edge)]);
  const said = await io.saying("1. The app is well");
  const [sidecar = 0] = pidsIn(said);
  process.kill(sidecar, "SIGKILL");
  expect(await code).toBe(1);
  expect(io.err()).toContain(`Outrigger (pid ${sidecar}) ended by itself, killed by SIGKILL`);
  expect(pidsIn(said).filter(isAlive)).toEqual([]);
  removeDirOf(io.err());
});

/** A chapter of which only the end matters: `act`, then one promise. */
function chapter(act: (stage: Stage) => Promise<unknown>, held: boolean): Chapter {
  return {
    play: async (stage) => {
      await act(stage);
      const sidecar: Sidecar = { ...({} as Sidecar), pid: 0 };
      return { promised: [{ what: "it works", measured: "", held }], sidecar, look: [], keepOn: async () => {} };
    },
  };
}

test("a broken promise fails the demo, and names the log", async () => {
  const io = createReadIo();
  expect(
    await playChapter(
      chapter(async () => {}, false),
      true,
      io,
      edge,
    ),
  ).toBe(1);
  expect(io.out()).toContain("1 BROKEN");
  removeDirOf(io.out());
});

test("a chapter that throws fails the demo with its message, and what it started is ended", async () => {
  const io = createReadIo();
  let pid = 0;
  const failing = chapter(async (stage) => {
    pid = (await stage.toyApp("secret")).pid;
    throw new Error("no such thing");
  }, true);
  expect(await playChapter(failing, true, io, edge)).toBe(1);
  expect(io.err()).toContain("demo: no such thing");
  expect(isAlive(pid)).toBe(false);
  removeDirOf(io.err());
});

test("a sidecar that does not start fails the demo with what it said", async () => {
  const io = createReadIo();
  const wrong: Chapter = {
    play: async (stage) => {
      await stage.sidecar("version: 2\n");
      throw new Error("started all the same");
    },
  };
  expect(await playChapter(wrong, true, io, edge)).toBe(1);
  expect(io.err()).toContain("version");
  expect(io.err()).not.toContain("started all the same");
  removeDirOf(io.err());
});

test("help says what it shows, which chapters there are, and what the exit code means", async () => {
  const io = createReadIo();
  expect(await runCli(["demo", "--help"], io, [demoCommand(edge)])).toBe(0);
  expect(io.out()).toContain("--once");
  for (const chapter of ["sync:", "async:", "failover:"]) expect(io.out()).toContain(chapter);
  expect(io.out()).toContain("Exit code 0");
  for (const line of io.out().split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  expect(await runCli(["demo", "nonsense"], io, [demoCommand(edge)])).toBe(2);
});
