import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

/** The package as npm would publish it, installed into an empty directory and run from there. */

const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { readonly version: string };

let folder: string;
let packed: { readonly filename: string; readonly files: readonly { readonly path: string }[] };
const npm = (args: readonly string[], cwd: string): string =>
  execFileSync("npm", args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "outrigger-package-"));
  [packed] = JSON.parse(npm(["pack", "--json", "--pack-destination", folder], ".")) as [typeof packed];
  writeFileSync(join(folder, "package.json"), "{}");
  npm(["install", "--no-audit", "--no-fund", "--prefer-offline", join(folder, packed.filename)], folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** As npx does: the package's own Node comes first. */
const outrigger = (...args: string[]): string =>
  execFileSync(join(folder, "node_modules/.bin/outrigger"), args, {
    cwd: folder,
    encoding: "utf8",
    env: { PATH: [join(folder, "node_modules/.bin"), process.env.PATH].join(delimiter) },
  });

test("it holds the program, its documents and what sets it up, and no sources, tests or data", () => {
  const names = packed.files.map(({ path }) => path);
  for (const wanted of [
    "dist/main.js",
    "config/outrigger.yaml",
    "README.md",
    "LICENSE",
    "SECURITY.md",
    "CHANGELOG.md",
    "docs/openapi.json",
    "deploy/docker/Dockerfile",
  ])
    expect(names).toContain(wanted);
  expect(names.filter((name) => /^(src|test|bench|data|coverage)\//.test(name) || name.endsWith(".db"))).toEqual([]);
});

test("it runs from where it was installed, on the Node that came with it", () => {
  expect(outrigger("--version").trim()).toBe(version);
  const shipped = join(folder, "node_modules/outrigger/config/outrigger.yaml");
  expect(outrigger("check", shipped)).toContain("ok");
  expect(readdirSync(join(folder, "node_modules/.bin"))).toContain("node");
});

test("its metadata says what it is, under which licence, and that it is published with provenance", () => {
  const own = JSON.parse(readFileSync(join(folder, "node_modules/outrigger/package.json"), "utf8"));
  expect(own).toMatchObject({ license: "MIT", type: "module", publishConfig: { access: "public", provenance: true } });
  expect(own.keywords).toContain("webhook");
});
