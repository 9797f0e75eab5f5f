import { expect, test } from "vitest";
import type { JsonObject } from "../../src/core/settings.route.ts";
import { isCostly, isLinearPattern } from "../../src/policy/response.schema.cost.ts";

test.each([
  "^[a-z0-9-]+$",
  "^\\d{4}-\\d{2}-\\d{2}$",
  "^usr_[A-Za-z0-9]{16}$",
  "^(?:abc)+$",
  "^a\\+\\*\\?b*$",
  "^\\p{Lu}+$",
  "^[*+?{|(]$",
  "^[\\]|+]+$",
  "^",
])("the pattern %s has one way to fail for each character", (pattern) => {
  expect(isLinearPattern(pattern)).toBe(true);
});

test.each([
  "^(a+)+$",
  "^a*a*$",
  "a+$",
  "[a-z]+@",
  "^a|b+$",
  "^(a|aa)+$",
  "^(a?){30}$",
  "^a{0,30}a{0,30}$",
  "^(a)\\1$",
  "^(?<x>a)\\k<x>$",
  "^(?=a+)b+$",
  "^a+?b+$",
  "^a*a{500}b$",
  `^${"a".repeat(300)}$`,
])("the pattern %s may have more", (pattern) => {
  expect(isLinearPattern(pattern)).toBe(false);
});

test.each<[string, JsonObject]>([
  ["plain types", { type: "object", properties: { id: { type: "integer" }, at: { format: "date-time" } } }],
  ["a linear pattern", { type: "string", pattern: "^[a-z]+$" }],
  ["a linear pattern for names", { patternProperties: { "^x-": { type: "string" } } }],
  ["references down a tree", { $defs: { a: { $ref: "#/$defs/b" }, b: { type: "string" } }, $ref: "#/$defs/a" }],
  [
    "one target from two places",
    { $defs: { a: {} }, properties: { x: { $ref: "#/$defs/a" }, y: { $ref: "#/$defs/a" } } },
  ],
  ["unique scalars of one type", { type: "array", items: { type: "string" }, uniqueItems: true }],
  ["a few unique items", { type: "array", maxItems: 100, uniqueItems: true }],
  ["uniqueness switched off", { type: "array", uniqueItems: false }],
])("%s cost what the response's size costs", (_name, schema) => {
  expect(isCostly(schema)).toBe(false);
});

test.each<[string, JsonObject]>([
  ["a pattern with choices", { properties: { x: { anyOf: [{ pattern: "(a+)+$" }] } } }],
  ["a pattern for names with choices", { patternProperties: { "(a+)+$": {} } }],
  ["a format that is a large expression", { properties: { link: { format: "uri" } } }],
  ["unique items of any kind", { type: "array", uniqueItems: true }],
  ["unique objects", { type: "array", items: { type: "object" }, uniqueItems: true }],
  ["a reference to the whole", { properties: { next: { $ref: "#" } } }],
  ["a reference to what holds it", { $defs: { n: { properties: { next: { $ref: "#/$defs/n" } } } } }],
  ["two that name each other", { $defs: { a: { not: { $ref: "#/$defs/b" } }, b: { not: { $ref: "#/$defs/a" } } } }],
  ["a name that needs decoding", { $defs: { "a b/c": { not: { $ref: "#/$defs/a%20b~1c" } } } }],
  ["an anchor", { $defs: { a: { $anchor: "a" } }, $ref: "#a" }],
  ["an inner id", { $defs: { a: { $id: "https://x.example/a" } } }],
  ["a reference to another document", { $ref: "https://x.example/a" }],
  ["a dynamic reference", { $dynamicRef: "#x" }],
  ["a fragment that cannot be decoded", { $ref: "#/%" }],
])("%s may cost more", (_name, schema) => {
  expect(isCostly(schema)).toBe(true);
});
