import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import Sqlite from "better-sqlite3";
import { expect, onTestFinished, test } from "vitest";
import { acquireOwner } from "../../src/storage/owner.ts";
import { tempDir } from "./support.ts";

/** What a process of its own is told that asks who owns `dataDir`; `waits` is called once it waits for that, or knows. */
async function ask(dataDir: string, waits: () => void = () => undefined): Promise<string> {
  const code = `
    const { ownerOf } = await import(${JSON.stringify(resolve("src/storage/owner.ts"))});
    const { writeSync } = await import("node:fs");
    writeSync(2, "asking");
    writeSync(1, String(ownerOf(${JSON.stringify(dataDir)})));
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const answer = text(child.stdout);
  await once(child.stderr, "data");
  while (isBusy(child.pid)) await new Promise(setImmediate);
  waits();
  return answer;
}

/** It runs, or waits for its disk; see proc_pid_stat(5). */
function isBusy(pid: number | undefined): boolean {
  const file = `/proc/${pid}/stat`;
  return existsSync(file) && /\) [RD] /.test(readFileSync(file, "latin1"));
}

/** Never a process. */
const DEAD = 2 ** 22 + 1;

test("two who ask at once are not taken for the owner that was killed", async () => {
  const dir = tempDir();
  acquireOwner(dir, DEAD).release();
  const first = new Sqlite(join(dir, "owner.db"));
  onTestFinished(() => void first.close());
  first.exec("BEGIN IMMEDIATE");
  expect(await ask(dir, () => void first.close())).toBe("null");
});

test("who holds on to the directory is its owner", async () => {
  const dir = tempDir();
  const owner = acquireOwner(dir, process.pid);
  onTestFinished(() => owner.release());
  expect(await ask(dir)).toBe(String(process.pid));
});
