import { expect, test } from "vitest";
import type { JsonObject, JsonValue } from "../../src/core/settings.route.ts";
import { APP_RATE, createSchemaBudgets, type SchemaBudget } from "../../src/policy/response.schema.budget.ts";
import { compileSchema, MAX_SCHEMA_BYTES } from "../../src/policy/response.schema.ts";
import { createManualClock } from "../help/manual-clock.ts";

/** A check of small answers, each with a full budget of its own unless one is given. */
function compiled(schema: JsonObject): (value: unknown, given?: SchemaBudget) => string | null {
  const result = compileSchema(schema);
  if (!result.ok) throw new Error(result.error);
  return (value, given = createSchemaBudgets(createManualClock())()) => result.value(value, 100, given);
}
function refusal(schema: JsonObject): string {
  const result = compileSchema(schema);
  return result.ok ? "compiled" : result.error;
}

test("without $schema it is draft 2020-12", () => {
  const check = compiled({ prefixItems: [{ type: "string" }], items: { type: "number" } });
  expect(check(["a", 1, 2])).toBeNull();
  expect(check([1])).toBe("it breaks the schema's rule #/prefixItems/0/type");
});

test("draft 2019-09 and draft-07 are read where $schema names them", () => {
  const ofDraft7 = compiled({ $schema: "http://json-schema.org/draft-07/schema#", items: [{ type: "string" }] });
  expect([ofDraft7(["a"]), ofDraft7([1]) === null]).toEqual([null, false]);
  const of2019 = compiled({
    $schema: "https://json-schema.org/draft/2019-09/schema",
    dependentRequired: { a: ["b"] },
  });
  expect([of2019({ a: 1, b: 1 }), of2019({ a: 1 }) === null]).toEqual([null, false]);
});

test("formats are checked", () => {
  const check = compiled({ type: "object", properties: { at: { type: "string", format: "date-time" } } });
  expect(check({ at: "2026-11-22T10:00:00Z" })).toBeNull();
  expect(check({ at: "yesterday" })).toContain("#/properties/at/format");
});

test("the message names the rule and nothing of the response", () => {
  const check = compiled({ additionalProperties: { type: "number" } });
  expect(check({ "ada@example.com": "secret" })).toBe("it breaks the schema's rule #/additionalProperties/type");
});

test.each<[string, JsonObject, RegExp]>([
  ["an unknown type", { type: "text" }, /type/],
  ["a misspelt keyword", { type: "object", propertys: {} }, /unknown keyword: "propertys"/],
  ["a pattern that is none", { type: "string", pattern: "(" }, /regular expression/i],
  ["a reference to elsewhere", { $ref: "https://schemas.example/winner.json" }, /can't resolve reference/],
  ["a reference to nowhere", { $ref: "#/$defs/none" }, /can't resolve reference/],
  ["an unknown dialect", { $schema: "http://json-schema.org/draft-04/schema#" }, /\$schema names none/],
  ["a dialect that is no text", { $schema: 7 }, /\$schema names none/],
  ["an unknown format", { type: "string", format: "winner" }, /unknown format/],
])("%s does not compile", (_name, schema, why) => {
  expect(refusal(schema)).toMatch(why);
});

test("a schema too large or too deep is refused before it is compiled", () => {
  expect(refusal({ description: "x".repeat(MAX_SCHEMA_BYTES) })).toMatch(/larger than 256 KiB/);
  let deep: JsonValue = {};
  for (let i = 0; i < 5000; i++) deep = { not: deep };
  expect(refusal({ not: deep })).toMatch(/deeper than 100/);
});

test("two schemas may bear one $id, and one schema is compiled once", () => {
  const named = (type: string): JsonObject => ({ $id: "https://x.example/s", type, $defs: { a: { type: "number" } } });
  expect(compiled(named("string"))("a")).toBeNull();
  expect(compiled(named("number"))(1)).toBeNull();
  const inner = (type: string): JsonObject => ({ $defs: { a: { $id: "https://x.example/a", type } }, $ref: "/a" });
  const based = (type: string): JsonObject => ({ $id: "https://x.example/s", ...inner(type) });
  expect(compiled(based("string"))("a")).toBeNull();
  expect(compiled(based("number"))(1)).toBeNull();
  const schema: JsonObject = { type: "string" };
  expect(compileSchema(schema)).toBe(compileSchema(schema));
});

test("references inside the schema work, recursive ones too", () => {
  const check = compiled({
    $defs: { node: { type: "object", properties: { next: { $ref: "#/$defs/node" } }, required: ["id"] } },
    $ref: "#/$defs/node",
  });
  expect(check({ id: 1, next: { id: 2 } })).toBeNull();
  expect(check({ id: 1, next: {} })).toContain("required");
});

const HOSTILE = `${"a".repeat(60)}!`;

test("a response made to take for ever is given up, and the next one is checked as if nothing had been", () => {
  const check = compiled({ type: "string", pattern: "^(a+)+$" });
  const before = process.cpuUsage();
  expect(check(HOSTILE)).toMatch(/took too long \(more than \d+ ms\)/);
  const { user, system } = process.cpuUsage(before);
  // Unbounded, it would take years.
  expect(user + system).toBeLessThan(5_000_000);
  expect(check("aaa")).toBeNull();
  expect(check("b")).toContain("#/pattern");
});

test("once checks took too long, further answers are broken unchecked, until time has come back", () => {
  const clock = createManualClock();
  const budget = createSchemaBudgets(clock)();
  const costly = compiled({ type: "string", pattern: "^(a+)+$" });
  const cheap = compiled({ type: "string", pattern: "^a+$" });
  while (costly(HOSTILE, budget)?.includes("took too long (more than"));
  expect(costly("aaa", budget)).toBe("it was not checked against its schema: checks took too long a moment ago");
  expect(cheap("aaa", budget)).toBeNull();
  clock.advance(10_000);
  expect(costly("aaa", budget)).toBeNull();
  expect(costly("b", budget)).toContain("#/pattern");
});

test("a check that a busy machine kept from running is made once more, and its waiting is not counted", () => {
  const budget = createSchemaBudgets(createManualClock())();
  const check = compiled({ properties: { x: { type: "string", pattern: "^(a+)+$" } } });
  let waits = 0;
  // Waits without using the processor, as a thread does that is not let on.
  const slowFor = (times: number): object => ({
    get x() {
      if (waits++ < times) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10_000);
      return "aaa";
    },
  });
  expect(check(slowFor(1), budget)).toBeNull();
  waits = 0;
  expect(check(slowFor(9), budget)).toMatch(/took too long/);
  expect(waits).toBe(2);
  // Three times its burst has passed.
  expect(budget.limitMs(0)).toBeGreaterThan(APP_RATE.burstMs / 2);
});

test("comparing all items with all is given up as well", () => {
  const check = compiled({ type: "array", uniqueItems: true });
  expect(check([{ a: 1 }, { a: 2 }])).toBeNull();
  expect(check([{ a: 1 }, { a: 1 }])).toContain("#/uniqueItems");
  expect(check(Array.from({ length: 50_000 }, (_, i) => ({ i })))).toMatch(/took too long/);
});

test("a branching recursion is given up as well", () => {
  const branch = { properties: { a: { $ref: "#" } }, required: ["a"] };
  const check = compiled({ anyOf: [{ const: 1 }, branch, branch] });
  let deep: JsonValue = 0;
  for (let i = 0; i < 60; i++) deep = { a: deep };
  expect(check(deep)).toMatch(/took too long/);
});

test("a response nested too deep to follow is a broken one, not a crash", () => {
  const check = compiled({ type: "object", properties: { a: { $ref: "#" } } });
  let deep: unknown = {};
  for (let i = 0; i < 200_000; i++) deep = { a: deep };
  expect(check(deep)).toMatch(/too much/);
});
