import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";

/**
 * The shape of the tree, checked: which folder may import which, where the clock, chance and the environment are
 * read, how long a file may be. A failure here names the file and what to do.
 */

const files = globSync("src/**/*.ts").map((path) => ({ path, text: readFileSync(path, "utf8") }));

/** Lower may be imported by higher; folders of one height keep apart, except a driver and its port. */
const HEIGHT: Readonly<Record<string, number>> = {
  core: 0,
  manifest: 1,
  policy: 1,
  upstream: 1,
  spool: 1,
  storage: 1,
  redis: 1,
  shared: 1,
  observe: 1,
  notify: 1,
  alerts: 1,
  proxy: 2,
  admin: 2,
  app: 3,
  cli: 3,
  main: 4,
};

const room = (path: string): string => (path.split("/")[1] ?? "").replace(/\.ts$/, "");

/** What a room asks of others: a driver next door may know it. */
const isPort = (path: string): boolean => path.endsWith("/port.ts");

test("imports go one way: core, then the services, then proxy and admin, then app and cli, then main", () => {
  const wrong: string[] = [];
  for (const { path, text } of files) {
    for (const [, spec] of text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)) {
      const target = normalize(join(dirname(path), spec as string));
      const from = room(path);
      const to = room(target);
      const fromHeight = HEIGHT[from];
      const toHeight = HEIGHT[to];
      if (fromHeight === undefined || toHeight === undefined) wrong.push(`${path}: ${from} or ${to} is no known room`);
      else if (from !== to && toHeight >= fromHeight && !isPort(target)) wrong.push(`${path} imports ${target}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("what runs in a browser imports its own files and the libraries it is served with", () => {
  const own = "src/admin/dashboard/";
  const libraries = ["preact", "preact/hooks", "htm", "uplot"];
  const wrong = files
    .filter(({ path }) => path.startsWith(own))
    .flatMap(({ path, text }) =>
      [...text.matchAll(/(?:from|import) \(?"([^"]+)"/g)].map(([, spec = ""]) => ({ path, spec })),
    )
    .filter(({ path, spec }) =>
      spec.startsWith(".") ? !normalize(join(dirname(path), spec)).startsWith(own) : !libraries.includes(spec),
    );
  expect(wrong).toEqual([]);
});

test("clock, chance and environment are read in one place each", () => {
  const places = [
    {
      what: /\bDate\.now\b|\bperformance\.now\b|new Date\(\)/,
      only: ["src/core/clock.ts", "src/admin/dashboard/core/now.ts"],
    },
    { what: /\bMath\.random\b/, only: ["src/core/random.ts"] },
    { what: /\bprocess\.env\b/, only: ["src/main.ts"] },
  ];
  const wrong = files.flatMap(({ path, text }) =>
    places.filter((p) => p.what.test(text) && !p.only.includes(path)).map((p) => `${path} uses ${p.what.source}`),
  );
  expect(wrong).toEqual([]);
});

test("a file holds one idea: at most 250 lines", () => {
  const long = files.filter(({ text }) => text.split("\n").length > 251).map(({ path }) => path);
  expect(long).toEqual([]);
});

test("nothing is left to do in the text, and no check is switched off", () => {
  const left = files
    .filter(({ text }) => /\b(TODO|FIXME|XXX)\b|@ts-(ignore|expect-error)|biome-ignore|oxlint-disable/.test(text))
    .map(({ path }) => path);
  expect(left).toEqual([]);
});
