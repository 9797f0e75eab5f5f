import { globSync, readFileSync } from "node:fs";
import { Ajv } from "ajv";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { loadManifest } from "../../src/manifest/load.ts";
import { manifestJsonSchema } from "../../src/manifest/schema.ts";

const contract = manifestJsonSchema();

test("the committed JSON Schema is the one that validates: npm run -s outrigger -- schema > config/outrigger.schema.json", () => {
  expect(JSON.parse(readFileSync("config/outrigger.schema.json", "utf8"))).toEqual(contract);
});

const shipped = globSync("config/**/*.yaml").sort();

test("there are shipped manifests", () => {
  expect(shipped).toContain("config/outrigger.yaml");
  expect(shipped.length).toBeGreaterThanOrEqual(6);
});

test.each(shipped)("%s loads, and an editor finds nothing wrong with it", (file) => {
  const text = readFileSync(file, "utf8");
  expect(text.split("\n")[0]).toMatch(/^# yaml-language-server: \$schema=.*outrigger\.schema\.json$/);
  // Secrets have no default: whoever takes the file must set them.
  const env = Object.fromEntries([...text.matchAll(/\$\{([A-Z_]+)\}/g)].map(([, name]) => [name, "set by the test"]));
  expect(loadManifest(file, { env })).toMatchObject({ ok: true });
  const validate = new Ajv({ strict: false }).compile(contract);
  expect(validate(parse(text)), JSON.stringify(validate.errors)).toBe(true);
});

test("an editor accepts and refuses what the loader does", () => {
  const validate = new Ajv({ strict: false }).compile(contract);
  const agree = globSync("test/manifest/golden/ok-*.yaml").filter(
    (file) => !validate(parse(readFileSync(file, "utf8").replace(/^\uFEFF/gm, ""))),
  );
  expect(agree).toEqual([]);
  for (const bad of [
    { versoin: 1 },
    { version: 2 },
    { apps: { "a b": {} } },
    { defaults: { timeout: "5 s" } },
    { defaults: { fallback: { strategy: "x" } } },
    { limits: { body: "1MB" } },
  ]) {
    expect(validate(bad), JSON.stringify(bad)).toBe(false);
  }
});

test("every key says what it is for", () => {
  const bare: string[] = [];
  const walk = (schema: unknown, path: string): void => {
    if (schema === null || typeof schema !== "object") return;
    const { properties, items, additionalProperties, anyOf, oneOf } = schema as Record<string, unknown>;
    for (const [key, inner] of Object.entries(
      (properties ?? {}) as Record<string, { description?: string; const?: unknown; $ref?: string; allOf?: unknown }>,
    )) {
      if (
        inner.description === undefined &&
        inner.const === undefined &&
        inner.$ref === undefined &&
        inner.allOf === undefined
      )
        bare.push(`${path}.${key}`);
      walk(inner, `${path}.${key}`);
    }
    for (const inner of [items, additionalProperties, ...((anyOf ?? []) as unknown[]), ...((oneOf ?? []) as unknown[])])
      walk(inner, `${path}[]`);
  };
  walk(contract, "");
  for (const definition of Object.values((contract.definitions ?? {}) as object)) walk(definition, "");
  expect([...new Set(bare)]).toEqual([]);
});

/** The keys of the block in the contract: none may be missing. */
test("every key of a webhook entry may stand in defaults, in a capability, in an app and in the webhook", () => {
  const keys = [
    "path",
    "match",
    "mode",
    "async",
    "timeout",
    "attempt_timeout",
    "connect_timeout",
    "retry",
    "breaker",
    "fallback",
    "response",
    "verify",
    "order_by",
    "idempotency",
    "priority",
    "body_limit",
    "headers",
    "inbound",
  ];
  const text = JSON.stringify(contract);
  for (const key of keys) expect(text.split(`"${key}":`).length, key).toBeGreaterThan(2);
});
