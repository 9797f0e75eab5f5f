import { readdirSync, readFileSync, readlinkSync, realpathSync, renameSync, statSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { createFlusher, writeAgain } from "../../src/storage/flusher.ts";
import { tempDir } from "./support.ts";

/** A log, its flusher, and what was told so far, in order. */
function log() {
  const path = `${tempDir()}/log`;
  writeFileSync(path, "first");
  const told: string[] = [];
  const flusher = createFlusher(() => path);
  const beside = (name: string): Promise<void> =>
    new Promise((resolve) => {
      flusher.beside(() => {
        told.push(name);
        resolve();
      });
    });
  const say = (name: string) => () => void told.push(name);
  return { path, told, flusher, beside, say };
}

test("what is flushed beside the thread is told later, all that came meanwhile together, in order", async () => {
  const { told, beside } = log();
  const all = [beside("a"), beside("b"), beside("c")];
  expect(told).toEqual([]);
  await Promise.all(all);
  expect(told).toEqual(["a", "b", "c"]);
});

test("what is flushed here is told at once, behind all that was still under way, and nothing twice", async () => {
  const { told, flusher, beside, say } = log();
  const earlier = [beside("a"), beside("b")];
  flusher.here(say("c"));
  expect(told).toEqual(["a", "b", "c"]);
  await Promise.all([...earlier, beside("d")]);
  expect(told).toEqual(["a", "b", "c", "d"]);
});

test("who wrote nothing is told at once, but not before those whose writing it may have read", async () => {
  const { told, flusher, beside, say } = log();
  flusher.behind(say("a"));
  expect(told).toEqual(["a"]);
  const b = beside("b");
  flusher.behind(say("c"));
  const d = beside("d");
  flusher.behind(say("e"));
  expect(told).toEqual(["a"]);
  await Promise.all([b, d]);
  expect(told).toEqual(["a", "b", "c", "d", "e"]);
});

test("a file that was replaced under way is told of first, then the new one, which is what is flushed from then on", async () => {
  const { path, told, flusher, beside, say } = log();
  const a = beside("a");
  const opened = filesOf(path);
  renameSync(path, `${path}.damaged`);
  writeFileSync(path, "second");
  flusher.replaced();
  flusher.here(say("b"));
  const c = beside("c");
  expect(told).toEqual([]);
  await Promise.all([a, c]);
  expect(told).toEqual(["a", "b", "c"]);
  await beside("d");
  flusher.here(say("e"));
  expect(told).toEqual(["a", "b", "c", "d", "e"]);
  expect(opened).toBe(2);
  expect(filesOf(path)).toBe(2);
  expect(filesOf(`${path}.damaged`)).toBe(0);
});

test("a file that was replaced while nothing was under way is let go of at once", () => {
  const { path, told, flusher, say } = log();
  flusher.here(say("a"));
  expect(filesOf(path)).toBe(2);
  flusher.replaced();
  expect(filesOf(path)).toBe(0);
  flusher.here(say("b"));
  expect(told).toEqual(["a", "b"]);
});

/** How many descriptors of this process lead to the file. */
function filesOf(path: string): number {
  const real = realpathSync(path);
  const target = (fd: string): string => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return "";
    }
  };
  return readdirSync("/proc/self/fd").filter((fd) => target(fd) === real).length;
}

test("a disk that refuses is an error, and nobody is told", () => {
  // A device that can't be flushed, as one that is broken can't.
  const told: string[] = [];
  expect(() => createFlusher(() => "/dev/null").here(() => void told.push("a"))).toThrow(
    /could not be forced to its disk: EINVAL/,
  );
  expect(told).toEqual([]);
});

test("a log that was left behind is written over itself, byte for byte; where there is none nothing is made", () => {
  const path = `${tempDir()}/log`;
  writeAgain(path);
  expect(() => statSync(path)).toThrow("ENOENT");
  const bytes = Buffer.alloc(3_000_000, "log of many blocks ");
  writeFileSync(path, bytes);
  const before = statSync(path, { bigint: true });
  writeAgain(path);
  const after = statSync(path, { bigint: true });
  expect(readFileSync(path).equals(bytes)).toBe(true);
  expect(after.ino).toBe(before.ino);
  expect(after.mtimeNs).toBeGreaterThan(before.mtimeNs);
});
