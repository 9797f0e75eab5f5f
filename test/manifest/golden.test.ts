import { globSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { formatProblem, loadManifest } from "../../src/manifest/load.ts";
import { compileSchema } from "../../src/policy/response.schema.ts";

/**
 * Each `golden/*.yaml` has beside it what comes of it: its problems, or the parts of its normal form that `# show:`
 * names. `# env:` sets variables. UPDATE_GOLDEN=1 writes the results anew; then read them, every line.
 */
const HERE = join(import.meta.dirname, "golden");

function directives(text: string, name: string): string[] {
  return [...text.matchAll(new RegExp(`^# ${name}: (.*)$`, "gm"))].map((m) => (m[1] ?? "").trim());
}

function resultOf(file: string): string {
  const text = readFileSync(join(HERE, file), "utf8");
  const env = Object.fromEntries(directives(text, "env").map((line) => line.split(/=(.*)/s).slice(0, 2)));
  const loaded = loadManifest(file, { env, cwd: HERE, checkSchema: compileSchema });
  if (!loaded.ok) return loaded.error.map((p) => `${formatProblem(p)}\n`).join("");
  const shown = directives(text, "show").flatMap((line) => line.split(" "));
  const parts = shown.map((path) => `${path} = ${JSON.stringify(at(loaded.value.masked(), path), null, 1)}\n`);
  return [...parts, ...loaded.value.warnings.map((p) => `${formatProblem(p)}\n`)].join("").replaceAll(HERE, "…");
}

function at(value: unknown, path: string): unknown {
  return path.split(".").reduce((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], value);
}

const files = globSync("*.yaml", { cwd: HERE }).sort();

test.each(files)("%s", (file) => {
  const result = resultOf(file).replaceAll(HERE, "…");
  const golden = join(HERE, `${basename(file, ".yaml")}.out`);
  if (process.env.UPDATE_GOLDEN) writeFileSync(golden, result);
  expect(result).toBe(readFileSync(golden, "utf8"));
});

test("there are golden files of every kind", () => {
  expect(files.length).toBeGreaterThanOrEqual(60);
  const refused = files.filter((file) => !loadManifest(file, { env: {}, cwd: HERE }).ok);
  expect(refused.length).toBeGreaterThanOrEqual(30);
  expect(files.length - refused.length).toBeGreaterThanOrEqual(20);
});
