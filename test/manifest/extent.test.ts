import { expect, test } from "vitest";
import { type Extent, TooMuch, within } from "../../src/manifest/extent.ts";
import { loadManifest } from "../../src/manifest/load.ts";

/** Loading within bounds: it ends before it goes beyond one. */

const ROOM: Extent = { files: 100, bytes: 100_000, patterns: 1, values: 1_000, routes: 100 };
const APP = "{ owner: x@a.example, url: 'http://10.0.0.5', webhooks: { hook: /h } }";

/** Loads `main` as far as it may; what was read until then. */
function readOf(main: string, most: Partial<Extent>): string[] {
  const read: string[] = [];
  const load = () =>
    loadManifest("/m/o.yaml", {
      env: {},
      spend: within({ ...ROOM, ...most }),
      readFile: (path, spend) => {
        const text = path === "/m/o.yaml" ? main : `apps: { a${read.length}: ${APP} }`;
        spend("bytes", text.length);
        read.push(path);
        return text;
      },
    });
  expect(load, JSON.stringify(most)).toThrow(TooMuch);
  return read;
}

test("the first file beyond the bound is neither looked at nor read, nor is any after it", () => {
  const main = `include: [1.yaml, 2.yaml, 3.yaml, 4.yaml, 5.yaml]\napps: { a: ${APP} }`;
  expect(readOf(main, { files: 3 })).toEqual(["/m/o.yaml", "/m/1.yaml", "/m/2.yaml"]);
  expect(readOf(main, { bytes: main.length + 100 })).toEqual(["/m/o.yaml", "/m/1.yaml"]);
});

test("files count whatever they are named for", () => {
  expect(readOf(`apps: { a: { owner: "\${file:owner}", url: "\${file:url}" } }`, { files: 2 }).length).toBe(2);
});

test("a pattern is not followed beyond the bound", () => {
  expect(readOf(`include: ["*.yaml"]\napps: { a: ${APP} }`, { patterns: 0 })).toEqual(["/m/o.yaml"]);
});

test("what an alias repeats counts as often as it does", () => {
  const apps = Array.from({ length: 20 }, (_, n) => `  a${n}: *app\n`).join("");
  expect(readOf(`x: &app ${APP}\napps:\n${apps}`, { values: 60 })).toEqual(["/m/o.yaml"]);
});

test("routes are counted before the first one is resolved", () => {
  const hooks = Array.from({ length: 9 }, (_, n) => `h${n}: { path: /h, response: { schema: ${n}.json } }`).join(", ");
  const main = `apps: { a: { owner: x@a.example, url: "http://10.0.0.5", webhooks: { ${hooks} } } }`;
  expect(readOf(main, { routes: 8 })).toEqual(["/m/o.yaml"]);
});
