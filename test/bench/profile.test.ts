import { expect, test } from "vitest";
import { type CpuProfile, summarizeProfile, threadOf } from "../../bench/lib/profile.ts";

const source = (path: string): string => new URL(`../../${path}`, import.meta.url).href;
const node = (id: number, functionName: string, url: string, children: number[] = []): CpuProfile["nodes"][number] => ({
  id,
  callFrame: { functionName, url, lineNumber: 9 },
  children,
});

const profile: CpuProfile = {
  nodes: [
    node(1, "(root)", "", [2, 5]),
    node(2, "serve", source("src/proxy/sync.ts"), [3]),
    node(3, "dispatch", source("node_modules/undici/lib/api.js"), [4]),
    node(4, "serve", source("src/proxy/sync.ts")),
    node(5, "(idle)", ""),
  ],
  startTime: 1_000,
  // Each sample lasts until the next one: 10 µs idle before the window, then 20, 30 and 40 of work, then idle.
  samples: [5, 2, 3, 4, 5, 2],
  timeDeltas: [0, 10, 20, 30, 40, 50],
};

test("self time is a function's own, total time includes its callees, recursion counted once", () => {
  const { busyUs, functions } = summarizeProfile(profile, 1_000, 1_120);
  expect(busyUs).toBe(90);
  expect(functions.map(({ name, selfUs, totalUs, ours }) => [name, selfUs, totalUs, ours])).toEqual([
    ["serve src/proxy/sync.ts:10", 60, 90, true],
    ["dispatch undici/lib/api.js:10", 30, 70, false],
    ["(root)", 0, 90, false],
  ]);
});

test("parts are our folders, packages and the runtime; idling is no work", () => {
  const { parts } = summarizeProfile(profile, 1_000, 1_120);
  expect(parts.map(({ name, selfUs }) => [name, selfUs])).toEqual([
    ["src/proxy", 60],
    ["undici", 30],
    ["(root)", 0],
  ]);
});

test("only what lies between the two moments counts", () => {
  expect(summarizeProfile(profile, 1_020, 1_040).busyUs).toBe(30);
});

test("the thread that answers requests is told from the one that writes files", () => {
  expect(threadOf(summarizeProfile(profile, 1_000, 1_120))).toBe("main");
  const nodes = [node(1, "(root)", "", [2]), node(2, "putOne", source("src/storage/spool/put.ts"))];
  const storage = { nodes, startTime: 0, samples: [2, 2], timeDeltas: [0, 10] };
  expect(threadOf(summarizeProfile(storage, 0, 100))).toBe("storage");
});
