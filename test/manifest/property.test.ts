import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { formatProblem, type LoadedManifest, loadManifest } from "../../src/manifest/load.ts";

/** Any text at all gives a manifest or problems: never a crash, never a hang. */

const FILE = "/nowhere/outrigger.yaml";
/** Far above what a load takes; a hang, or time that grows with the square of the text, is far above this. */
const BOUND_MS = 20_000;

function load(content: string | Uint8Array, env: Record<string, string> = {}): LoadedManifest | null {
  const started = performance.now();
  const result = loadManifest(FILE, {
    env,
    readFile: (path) => {
      if (path === FILE) return content;
      throw Object.assign(new Error("no such file"), { code: "ENOENT" });
    },
  });
  expect(performance.now() - started).toBeLessThan(BOUND_MS);
  if (result.ok) {
    expect(Object.isFrozen(result.value.manifest.limits)).toBe(true);
    return result.value;
  }
  expect(result.error.some((p) => p.severity === "error")).toBe(true);
  for (const problem of result.error) {
    const line = formatProblem(problem);
    expect(line).toMatch(problem.file === "" ? /^[A-Z_0-9a-z]+: ./ : /^.+:\d+:\d+ .+: ./s);
    if (problem.file !== "") expect([problem.line > 0, problem.col > 0]).toEqual([true, true]);
  }
  return null;
}

const golden = join(import.meta.dirname, "golden");
const samples = [...globSync(join(golden, "*.yaml")), ...globSync("config/**/*.yaml")].map((path) =>
  readFileSync(path, "utf8"),
);

test("random bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void load(bytes)),
    { numRuns: 300 },
  );
});

test("random text, also of nothing but YAML's own characters", () => {
  const yamlish = fc.string({ unit: fc.constantFrom(..."{}[]:,-?&*!|>'\"%@`#~ \n\t\\$a1.<"), maxLength: 80 });
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary", maxLength: 200 }), yamlish), (text) => void load(text)),
    { numRuns: 300 },
  );
});

test("manifests with characters changed, cut out, doubled and moved", () => {
  const edit = fc.record({
    at: fc.nat(),
    length: fc.nat(20),
    put: fc.oneof(
      fc.constant(""),
      fc.string({ maxLength: 5 }),
      fc.constantFrom("{", "[", ": ", "\n", "- ", "${", "&a ", "*a", "null", "-1", "'"),
    ),
  });
  fc.assert(
    fc.property(fc.constantFrom(...samples), fc.array(edit, { minLength: 1, maxLength: 6 }), (sample, edits) => {
      let text = sample;
      for (const { at, length, put } of edits) {
        const start = at % (text.length + 1);
        text = text.slice(0, start) + put + text.slice(start + length);
      }
      load(text);
    }),
    { numRuns: 400 },
  );
});

test("manifests with whole values replaced by anything", () => {
  const keys = [
    "apps",
    "url",
    "timeout",
    "webhooks",
    "retry",
    "fallback",
    "match",
    "health",
    "listen",
    "limits",
    "__proto__",
    "constructor",
    "toString",
  ];
  const value = fc.letrec((tie) => ({
    node: fc.oneof(
      { maxDepth: 5 },
      fc.constantFrom("/a", "5s", "-1", `\${X}`, "{body:/a}", "5xx", "http://a", "", "1e999"),
      fc.integer(),
      fc.double(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie("node"), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...keys), tie("node"), { maxKeys: 4, noNullPrototype: true }),
    ),
  })).node;
  const apps = fc.record({
    quiz: fc.record(
      { url: value, webhooks: value, retry: value, fallback: value, sign: value, context: value },
      { requiredKeys: [] },
    ),
  });
  fc.assert(
    fc.property(
      fc.record(
        { apps, defaults: value, capabilities: value, listen: value, admin: value },
        { requiredKeys: ["apps"] },
      ),
      (m) => void load(JSON.stringify(m)),
    ),
    { numRuns: 400 },
  );
});

test("any environment", () => {
  const names = [
    "WEBHOOK_TIMEOUT_DEFAULT",
    "WEBHOOK_TIMEOUT_A",
    "CIRCUIT_BREAKER_ENABLED",
    "APP_HEALTH_CHECK_TIMEOUT",
    "REDIS_URL",
    "WEBHOOK_RETRY_BACKOFF_MULTIPLIER",
    "X",
    "WEBHOOK_TIMEOUT_",
  ];
  const text = `apps: { a: { owner: '\${X:-o}', url: 'http://10.0.0.5', webhooks: { a: /a } } }`;
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom(...names), fc.oneof(fc.string(), fc.constantFrom("5", "true", "1s"))),
      (env) => void load(text, env),
    ),
    { numRuns: 300 },
  );
});

test.each([
  ["deep flow", `a: ${"[".repeat(200_000)}`],
  ["deep flow, closed", `${"{a: ".repeat(50_000)}1${"}".repeat(50_000)}`],
  ["deep blocks", Array.from({ length: 1500 }, (_, i) => `${" ".repeat(i)}a:`).join("\n")],
  ["deep lists", `${"- ".repeat(100_000)}a`],
  ["deep questions", `${"? ".repeat(100_000)}a`],
  ["many errors", `a: [${",".repeat(100_000)}`],
  ["many anchors", "&a ".repeat(50_000)],
  ["many tags", "!a ".repeat(50_000)],
  ["many directives", "%A\n".repeat(50_000)],
  ["many documents", "---\n".repeat(50_000)],
  ["many keys", Array.from({ length: 30_000 }, (_, i) => `k${i}: 1`).join("\n")],
  ["one key, many times", "version: 1\n".repeat(20_000)],
  ["many aliases", `x: &x [1]\ny: [${"*x, ".repeat(20_000)}]`],
  [
    "an alias bomb of nine levels",
    Array.from({ length: 9 }, (_, i) => `l${i}: &l${i} [${`*l${i - 1}, `.repeat(i === 0 ? 0 : 9)}1]`).join("\n"),
  ],
  ["a node that holds itself", "apps: &a { b: *a, c: [*a, *a] }"],
  ["a long line", `a: ${"x".repeat(3_000_000)}`],
  ["a file too large", "#\n".repeat(3_000_000)],
  ["many references", `a: "${`\${A:-b}`.repeat(100_000)}"`],
  ["many open references", `a: "${`\${`.repeat(100_000)}"`],
  ["NUL and friends", "a: \0\u0001\u2028\ufeff"],
])("what is made to cost much is refused in time: %s", (_what, text) => {
  expect(load(text)).toBeNull();
});
