import { execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { prepare } from "../../src/app/prepare.ts";
import type { ReadingJob } from "../../src/app/reading.judge.ts";
import { readFirst, readNext } from "../../src/app/reading.ts";
import type { Unpacked } from "../../src/app/unpack.ts";
import { formatProblem } from "../../src/manifest/problem.ts";
import { hearOfChildren, killAfterPieces, nextChild } from "../help/children.ts";
import { createManualClock } from "../help/manual-clock.ts";
import { tempDir } from "../storage/support.ts";

/** A manifest that is read in a process of its own, while something ends it. */

/** One of 800 routes, that was read before under another hash. */
function large(): { readonly job: ReadingJob; readonly before: Unpacked } {
  const file = join(tempDir(), "outrigger.yaml");
  const routes = Array.from({ length: 800 }, (_, n) => `      hook_${n}: /hooks/${n}\n`).join("");
  writeFileSync(
    file,
    `apps:\n  quiz:\n    owner: dev@quiz.example\n    url: "http://127.0.0.1:9"\n    webhooks:\n${routes}`,
  );
  const prepared = prepare({ file, env: {}, standing: null });
  if (!prepared.ok) throw new Error(prepared.error.problems.map(formatProblem).join("\n"));
  const before = readFirst(prepared.value);
  return { job: { file, env: {}, standing: before.loaded.manifest, hash: "another" }, before };
}

const small = (webhooks = "{ winner: /v1 }"): string =>
  `apps: { quiz: { owner: dev@quiz.example, url: "http://127.0.0.1:9", webhooks: ${webhooks} } }\n`;

/** 190 apps of the same 50 webhooks, in some 12 KiB. */
function aliases(): string {
  const webhooks = Array.from({ length: 50 }, (_, n) => `h${n}: /${n}`).join(", ");
  const app = (n: number): string => `  a${n}: { owner: a@b.example, url: "http://127.0.0.1:9", webhooks: *all }\n`;
  const others = Array.from({ length: 189 }, (_, n) => app(n + 1));
  return `apps:\n${app(0).replace("*all", `&all { ${webhooks} }`)}${others.join("")}`;
}

interface Rig {
  readonly dir: string;
  /** Reads the manifest after one of a route. Resolves with what it is, and whether a process of its own read it. */
  read(text: string): Promise<{ readonly kind: string; readonly beside: boolean }>;
}

function rig(): Rig {
  const dir = tempDir();
  const file = join(dir, "outrigger.yaml");
  writeFileSync(file, small());
  const prepared = prepare({ file, env: {}, standing: null });
  if (!prepared.ok) throw new Error(prepared.error.problems.map(formatProblem).join("\n"));
  const before = readFirst(prepared.value);
  const { manifest, hash } = before.loaded;
  return {
    dir,
    async read(text) {
      writeFileSync(file, text);
      let beside = false;
      const stop = hearOfChildren(() => {
        beside = true;
      });
      const job = { file, env: {}, standing: manifest, hash };
      const { kind } = await readNext(job, before, new AbortController().signal);
      stop();
      return { kind, beside };
    },
  };
}

test("what is small is read without a process, with the files that it names", async () => {
  const { dir, read } = rig();
  writeFileSync(join(dir, "more.yaml"), small().replace("quiz:", "poll:"));
  expect(await read(`include: [more.yaml]\n${small()}`)).toEqual({ kind: "next", beside: false });
  expect(await read("apps: 7")).toEqual({ kind: "refused", beside: false });
});

test("what is much to do is done in a process however short it is written: aliases, many files, many webhooks", async () => {
  const { dir, read } = rig();
  const names = Array.from({ length: 40 }, (_, n) => `${n}.yaml`);
  for (const [n, name] of names.entries()) writeFileSync(join(dir, name), small().replace("quiz:", `poll_${n}:`));
  const texts = [
    aliases(),
    `include: [${names.join(", ")}]\n${small()}`,
    `include: ["[0-9].yaml"]\n${small()}`,
    small(`{ ${Array.from({ length: 200 }, (_, n) => `h${n}: /${n}`).join(", ")} }`),
  ];
  for (const text of texts) {
    expect(text.length).toBeLessThan(16 * 1024);
    expect(await read(text), text).toEqual({ kind: "next", beside: true });
  }
});

test("after a large manifest the next one is read in a process, without a look at its size", async () => {
  const { job, before } = large();
  writeFileSync(job.file, small());
  const child = nextChild();
  const reading = readNext(job, before, new AbortController().signal);
  await child;
  expect(await reading).toMatchObject({ kind: "next" });
});

test("whoever gives it up does not wait until the process is gone", async () => {
  const { job, before } = large();
  const order: string[] = [];
  const stop = new AbortController();
  const child = nextChild();
  const reading = readNext(job, before, stop.signal).catch(() => order.push("given up"));
  const gone = once(await child, "exit").then(() => order.push("gone"));
  stop.abort();
  await Promise.all([reading, gone]);
  expect(order).toEqual(["given up", "gone"]);
});

test("what can't be taken over is refused, and the process ends unheard", async () => {
  const { job, before } = large();
  const unhandled: unknown[] = [];
  const hear = (error: unknown): void => void unhandled.push(error);
  const others = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", hear);
  try {
    const child = nextChild();
    const known = { get: () => fail("no memory") };
    const reading = readNext(job, { ...before, known }, new AbortController().signal);
    const gone = once(await child, "exit");
    expect(await reading).toMatchObject({
      kind: "refused",
      problems: [{ message: expect.stringMatching(/no memory/) }],
    });
    await gone;
    // Node tells of one at the end of the turn.
    await new Promise(setImmediate);
    expect(unhandled).toEqual([]);
  } finally {
    process.off("unhandledRejection", hear);
    for (const other of others) process.on("unhandledRejection", other);
  }
});

test("a process that dies leaves the manifest refused, and says how it ended", async () => {
  const { job, before } = large();
  const child = nextChild();
  const reading = readNext(job, before, new AbortController().signal);
  const killed = await child;
  killed.once("spawn", () => killed.kill("SIGABRT"));
  expect(await reading).toMatchObject({
    kind: "refused",
    problems: [
      {
        file: job.file,
        message: expect.stringMatching(
          /^could not be read: Error: its process ended \(SIGABRT\): is there memory for it\?$/,
        ),
      },
    ],
  });
  expect(await readNext(job, before, new AbortController().signal)).toMatchObject({ kind: "next" });
});

test("one that dies when it has given all but how the manifest is shown, too, and says so", async () => {
  const { job, before } = large();
  const killed = killAfterPieces();
  const reading = await readNext(job, before, new AbortController().signal);
  await killed;
  if (reading.kind !== "next") throw new Error(reading.kind);
  expect(await reading.told).toMatchObject({
    kind: "refused",
    problems: [{ message: expect.stringMatching(/its process ended \(SIGKILL\)/) }],
  });
});

test("whoever gives it up while plans are made ends the process, and hears why", async () => {
  const { job, before } = large();
  const stop = new AbortController();
  const child = nextChild();
  const reading = await readNext(job, before, stop.signal);
  const gone = once(await child, "exit");
  stop.abort(new Error("given up"));
  if (reading.kind !== "next") throw new Error(reading.kind);
  await expect(reading.told).rejects.toThrow("given up");
  await gone;
});

test("the process is gone once it has told all", async () => {
  const { job, before } = large();
  const child = nextChild();
  const reading = await readNext(job, before, new AbortController().signal);
  const gone = once(await child, "exit");
  if (reading.kind !== "next") throw new Error(reading.kind);
  const told = await reading.told;
  if ("problems" in told) throw new Error("refused");
  expect(told.origins("quiz/hook_700").routes.length).toBeGreaterThan(0);
  expect(told.shown.length).toBeGreaterThan(800);
  await gone;
});

test("one that has not done it within a minute is ended, and the manifest refused", async () => {
  const { job, before } = large();
  const clock = createManualClock();
  const child = nextChild();
  const reading = readNext(job, before, new AbortController().signal, clock);
  const stopped = await child;
  stopped.kill("SIGSTOP");
  const gone = once(stopped, "exit");
  clock.advance(60_000);
  expect(await reading).toMatchObject({
    kind: "refused",
    problems: [{ message: expect.stringMatching(/could not be read: .*has not done it within 60 s/) }],
  });
  expect(await gone).toEqual([null, "SIGKILL"]);
  expect(clock.pending()).toBe(0);
});

test("where no file is left for one, it is refused by that", () => {
  const { job } = large();
  const source = (path: string): string => JSON.stringify(new URL(`../../src/app/${path}`, import.meta.url).href);
  const program = `
    import { openSync, closeSync } from "node:fs";
    import { prepare } from ${source("prepare.ts")};
    import { readFirst, readNext } from ${source("reading.ts")};
    const job = JSON.parse(process.argv[1]);
    const before = readFirst(prepare({ ...job, standing: null }).value);
    const files = [];
    try { for (;;) files.push(openSync("/dev/null")); } catch {}
    const { kind, problems } = await readNext({ ...job, standing: null }, before, new AbortController().signal);
    files.forEach(closeSync);
    console.log(kind, problems[0].message);
  `;
  const args = ["--input-type=module", "-e", program, JSON.stringify({ ...job, standing: undefined })];
  const said = execFileSync("sh", ["-c", 'ulimit -n 256 && exec "$0" "$@"', process.execPath, ...args], {
    encoding: "utf8",
  });
  expect(said).toMatch(/^refused could not be read: .*EMFILE/);
});

test("a process that can't be started leaves it refused", async () => {
  const { job, before } = large();
  const { execPath } = process;
  process.execPath = join(tempDir(), "no-such-program");
  try {
    expect(await readNext(job, before, new AbortController().signal)).toMatchObject({
      kind: "refused",
      problems: [{ message: expect.stringMatching(/no-such-program ENOENT/) }],
    });
  } finally {
    process.execPath = execPath;
  }
});

test("the process goes first when memory runs out, heeds nobody's signals, and ends when who started it is gone", async () => {
  const program = fileURLToPath(new URL("../../src/app/reading.program.ts", import.meta.url));
  const child = fork(program, { execArgv: [], serialization: "advanced" });
  const { job } = large();
  child.send(job);
  expect(await once(child, "message")).toMatchObject([{ kind: "parcel" }, undefined]);
  if (process.platform === "linux") expect(readFileSync(`/proc/${child.pid}/oom_score_adj`, "utf8")).toBe("1000\n");
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) child.kill(signal);
  child.send("next");
  expect(await once(child, "message")).toMatchObject([{ apps: [{ name: "quiz" }] }, undefined]);
  child.disconnect();
  expect(await once(child, "exit")).toEqual([0, null]);
});

function fail(message: string): never {
  throw new Error(message);
}
