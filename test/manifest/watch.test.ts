import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { stateOf } from "../../src/manifest/files.ts";
import { type ManifestWatch, watchManifest } from "../../src/manifest/watch.ts";
import { createManualClock } from "../help/manual-clock.ts";

let dir = "";
let watch: ManifestWatch | null = null;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "outrigger-watch-"));
});
afterEach(() => {
  watch?.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** Starts watching; `changed()` resolves at the next call of `onChange`. */
function start(files: readonly string[], pollMs = 50): { calls: () => number; changed: () => Promise<void> } {
  let count = 0;
  let wake: (() => void) | null = null;
  watch = watchManifest(
    files,
    () => {
      count++;
      wake?.();
    },
    { clock: systemClock, debounceMs: 10, pollMs },
  );
  return {
    calls: () => count,
    changed: () =>
      new Promise((resolve) => {
        wake = resolve;
      }),
  };
}

test("a file written in place", async () => {
  const file = join(dir, "o.yaml");
  writeFileSync(file, "a");
  const { changed } = start([file], 60_000);
  const next = changed();
  writeFileSync(file, "bb");
  await next;
});

test("a file replaced by renaming, as editors do, again and again", async () => {
  const file = join(dir, "o.yaml");
  writeFileSync(file, "a");
  const { changed } = start([file], 60_000);
  for (const text of ["one", "three", "seven!"]) {
    const next = changed();
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
    await next;
  }
});

test("a symlink swapped beside the file, as Kubernetes updates a ConfigMap", async () => {
  for (const [version, text] of [
    ["v1", "a"],
    ["v2", "bb"],
  ] as const) {
    mkdirSync(join(dir, version));
    writeFileSync(join(dir, version, "o.yaml"), text);
  }
  symlinkSync("v1", join(dir, "..data"));
  symlinkSync("..data/o.yaml", join(dir, "o.yaml"));
  const { changed } = start([join(dir, "o.yaml")], 60_000);
  const next = changed();
  symlinkSync("v2", join(dir, "..tmp"));
  renameSync(join(dir, "..tmp"), join(dir, "..data"));
  await next;
});

test("a file that is missing, comes, and goes", async () => {
  const file = join(dir, "later", "o.yaml");
  const { changed } = start([file]);
  let next = changed();
  mkdirSync(join(dir, "later"));
  writeFileSync(file, "a");
  await next;
  next = changed();
  unlinkSync(file);
  await next;
  next = changed();
  rmSync(join(dir, "later"), { recursive: true });
  mkdirSync(join(dir, "later"));
  writeFileSync(file, "again");
  await next;
});

test("a new file in a directory of an include pattern", async () => {
  mkdirSync(join(dir, "apps"));
  const { changed } = start([join(dir, "apps")], 60_000);
  const next = changed();
  writeFileSync(join(dir, "apps", "new.yaml"), "a");
  await next;
});

test("other files beside it change nothing, and a burst of writes is one change", async () => {
  const file = join(dir, "o.yaml");
  writeFileSync(file, "a");
  const { changed, calls } = start([file], 60_000);
  writeFileSync(join(dir, "other"), "x");
  const next = changed();
  for (let i = 0; i < 20; i++) writeFileSync(file, "x".repeat(i + 2));
  await next;
  expect(calls()).toBe(1);
});

test("after an update the new files are watched, and what changed meanwhile is not lost", async () => {
  const [a, b] = [join(dir, "a.yaml"), join(dir, "b.yaml")];
  writeFileSync(a, "a");
  writeFileSync(b, "b");
  const { changed } = start([a], 60_000);
  let next = changed();
  const read = new Map([a, b].map((file) => [file, stateOf(file)]));
  writeFileSync(a, "changed while loading");
  watch?.update(read);
  await next;
  next = changed();
  writeFileSync(b, "bb");
  await next;
});

test("a change that was read already is no news, and what was not read stays what it was", async () => {
  const [a, b, c] = ["a.yaml", "b.yaml", "c.yaml"].map((name) => join(dir, name)) as [string, string, string];
  for (const file of [a, b, c]) writeFileSync(file, "before");
  const { changed, calls } = start([a, b], 60_000);
  let next = changed();
  // Somebody writes and asks for a reload at once, which reads it before the watch looks.
  writeFileSync(a, "read by now");
  watch?.update(new Map([[a, stateOf(a)]]), [b]);
  // What comes next is a change of its own: the one before would have been told first.
  const other = watchManifest([c], () => writeFileSync(b, "changed"), { clock: systemClock, debounceMs: 100 });
  writeFileSync(c, "changed");
  await next;
  other.stop();
  expect(calls()).toBe(1);
  next = changed();
  writeFileSync(a, "changed again");
  await next;
});

test("a file that was changed after it was read, and before it was watched, is news", async () => {
  const [a, b] = [join(dir, "a.yaml"), join(dir, "b.yaml")];
  writeFileSync(a, "a");
  writeFileSync(b, "as it was read");
  const read = new Map([a, b].map((file) => [file, stateOf(file)]));
  const { changed } = start([a], 60_000);
  writeFileSync(b, "as it is by now");
  const next = changed();
  watch?.update(read);
  await next;
});

test("a change that a long reading saw is no news either, however long it took, and one that it did not see is", () => {
  const [a, b] = ["a.yaml", "b.yaml"].map((name) => join(dir, name)) as [string, string];
  for (const file of [a, b]) writeFileSync(file, "before");
  const clock = createManualClock();
  let calls = 0;
  watch = watchManifest([a, b], () => calls++, { clock, debounceMs: 10, pollMs: 50 });
  writeFileSync(a, "read by now");
  watch.hold();
  const read = new Map([[a, stateOf(a)]]);
  clock.advance(1000);
  watch.update(read, [b]);
  clock.advance(1000);
  expect(calls).toBe(0);
  watch.hold();
  writeFileSync(a, "changed while it was read");
  clock.advance(1000);
  expect(calls).toBe(0);
  watch.update(read, [b]);
  clock.advance(10);
  expect(calls).toBe(1);
  // One that failed saw nothing.
  watch.hold();
  writeFileSync(b, "changed before it failed");
  clock.advance(1000);
  watch.update(new Map(), [a, b]);
  clock.advance(10);
  expect(calls).toBe(2);
});

test("once stopped it says nothing more, and stopping twice is safe", async () => {
  const file = join(dir, "o.yaml");
  writeFileSync(file, "a");
  const { calls } = start([file], 10);
  watch?.stop();
  watch?.stop();
  writeFileSync(file, "bb");
  // Another watch of the same file hears of the change: so would the stopped one have.
  const other = start([file], 10);
  const next = other.changed();
  writeFileSync(file, "ccc");
  await next;
  expect(calls()).toBe(0);
});

test("where whoever read it failed, it is told of again, later each time, until a file changes, however much of it was read", () => {
  const file = join(dir, "o.yaml");
  writeFileSync(file, "a");
  const clock = createManualClock();
  let calls = 0;
  watch = watchManifest([file], () => void calls++, { clock, pollMs: 1_000_000 });
  for (const ms of [1_000, 5_000, 30_000, 60_000, 60_000]) {
    watch.hold();
    // The reader may have failed when it had given all but the last of it.
    watch.update(new Map([[file, stateOf(file)]]));
    watch.again();
    const before = calls;
    clock.advance(ms - 1);
    expect(calls).toBe(before);
    clock.advance(1);
    expect(calls).toBe(before + 1);
  }
  watch.hold();
  watch.update(new Map([[file, stateOf(file)]]));
  clock.advance(200_000);
  expect(calls).toBe(5);
  watch.again();
  // A reading that begins meanwhile is the one that was asked for.
  watch.hold();
  clock.advance(200_000);
  expect(calls).toBe(5);
  watch.update(new Map([[file, stateOf(file)]]));
  writeFileSync(file, "bb");
  clock.advance(1_000_000);
  expect(calls).toBe(6);
  watch.hold();
  watch.update(new Map([[file, stateOf(file)]]));
  watch.again();
  clock.advance(1_000);
  expect(calls).toBe(7);
});
