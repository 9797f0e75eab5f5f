import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { prepare } from "../../src/app/prepare.ts";
import { type ReadingJob, readFirst, readNext } from "../../src/app/reading.ts";
import type { Unpacked } from "../../src/app/unpack.ts";
import { formatProblem } from "../../src/manifest/problem.ts";
import { tempDir } from "../storage/support.ts";

/** A manifest that is read in a thread, while something ends it. */

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

/** Resolves with the next thread that is started. */
function nextThread(): Promise<Worker> {
  return new Promise((resolve) => process.once("worker", resolve));
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
  /** Reads the manifest after one of a route. Resolves with what it is, and whether a thread read it. */
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
      const hear = (): void => {
        beside = true;
      };
      process.once("worker", hear);
      const job = { file, env: {}, standing: manifest, hash };
      const { kind } = await readNext(job, before, new AbortController().signal);
      process.off("worker", hear);
      return { kind, beside };
    },
  };
}

test("what is small is read without a thread, with the files that it names", async () => {
  const { dir, read } = rig();
  writeFileSync(join(dir, "more.yaml"), small().replace("quiz:", "poll:"));
  expect(await read(`include: [more.yaml]\n${small()}`)).toEqual({ kind: "next", beside: false });
  expect(await read("apps: 7")).toEqual({ kind: "refused", beside: false });
});

test("what is much to do is done in a thread however short it is written: aliases, many files, many webhooks", async () => {
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

test("after a large manifest the next one is read in a thread, without a look at its size", async () => {
  const { job, before } = large();
  writeFileSync(job.file, small());
  const thread = nextThread();
  const reading = readNext(job, before, new AbortController().signal);
  await thread;
  expect(await reading).toMatchObject({ kind: "next" });
});

test("whoever gives it up does not wait until the thread is gone", async () => {
  const { job, before } = large();
  const order: string[] = [];
  const stop = new AbortController();
  const thread = nextThread();
  const reading = readNext(job, before, stop.signal).catch(() => order.push("given up"));
  const gone = once(await thread, "exit").then(() => order.push("gone"));
  stop.abort();
  await Promise.all([reading, gone]);
  expect(order).toEqual(["given up", "gone"]);
});

test("what can't be taken over is refused, and the thread ends unheard", async () => {
  const { job, before } = large();
  const unhandled: unknown[] = [];
  const hear = (error: unknown): void => void unhandled.push(error);
  const others = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", hear);
  try {
    const thread = nextThread();
    const known = { get: () => fail("no memory") };
    const reading = readNext(job, { ...before, known }, new AbortController().signal);
    const gone = once(await thread, "exit");
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

function fail(message: string): never {
  throw new Error(message);
}
