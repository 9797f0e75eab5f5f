import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { prepare } from "../../src/app/prepare.ts";
import { type ReadingJob, readFirst, readNext } from "../../src/app/reading.ts";
import type { Unpacked } from "../../src/app/unpack.ts";
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
  const prepared = prepare(file, {}, null);
  if (!prepared.ok) throw new Error(prepared.error.problems.join("\n"));
  const before = readFirst(prepared.value);
  return { job: { file, env: {}, standing: before.loaded.manifest, hash: "another" }, before };
}

/** Resolves with the next thread that is started. */
function nextThread(): Promise<Worker> {
  return new Promise((resolve) => process.once("worker", resolve));
}

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
    const broken = { of: () => fail("no memory"), next: () => broken };
    const reading = readNext(job, { ...before, share: broken }, new AbortController().signal);
    const gone = once(await thread, "exit");
    expect(await reading).toMatchObject({ kind: "refused", problems: [expect.stringMatching(/no memory/)] });
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
