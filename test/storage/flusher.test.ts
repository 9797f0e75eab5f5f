import { renameSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { createFlusher } from "../../src/storage/flusher.ts";
import { tempDir } from "./support.ts";

/** A log, its flusher, and what was told so far, in order. */
function log() {
  const path = `${tempDir()}/log`;
  writeFileSync(path, "first");
  const told: string[] = [];
  const flusher = createFlusher(path);
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
  flusher.settled(say("a"));
  expect(told).toEqual(["a"]);
  const b = beside("b");
  flusher.settled(say("c"));
  const d = beside("d");
  flusher.settled(say("e"));
  expect(told).toEqual(["a"]);
  await Promise.all([b, d]);
  expect(told).toEqual(["a", "b", "c", "d", "e"]);
});

test("a file that was replaced under way is told of first, then the new one", async () => {
  const { path, told, flusher, beside, say } = log();
  const a = beside("a");
  writeFileSync(`${path}.new`, "second");
  renameSync(`${path}.new`, path);
  flusher.replaced();
  flusher.here(say("b"));
  const c = beside("c");
  expect(told).toEqual([]);
  await Promise.all([a, c]);
  expect(told).toEqual(["a", "b", "c"]);
});

test("a disk that refuses is an error, and nobody is told", () => {
  // A device that can't be flushed, as one that is broken can't.
  const told: string[] = [];
  expect(() => createFlusher("/dev/null").here(() => void told.push("a"))).toThrow(
    /could not be forced to its disk: EINVAL/,
  );
  expect(told).toEqual([]);
});
