import fc from "fast-check";
import { expect, test } from "vitest";
import type { ValueRef } from "../../src/core/settings.route.ts";
import { compileValueRef, contextLabels, jsonBody, MAX_JSON_BYTES, MAX_LABEL_LENGTH } from "../../src/policy/values.ts";
import { createExchange } from "../help/exchange.ts";

const header = (name: string): ValueRef => ({ kind: "header", name });
const body = (pointer: string): ValueRef => ({ kind: "body", pointer });
const withBody = (text: string | Buffer) => createExchange({ body: Buffer.from(text) });

test("a header is read whatever its case, the first of several", () => {
  const x = createExchange({ headers: ["x-room-ID", "42", "X-Room-Id", "43"] });
  expect(compileValueRef(header("x-room-id"))(x)).toBe("42");
  expect(compileValueRef(header("x-user"))(x)).toBeUndefined();
});

test("scalars of the body are read as text, numbers as they were spelled", () => {
  const x = withBody('{"s":"a\\u0062","n":12345678901234567890,"f":1.50,"t":true,"z":null,"o":{},"l":[7]}');
  const read = (pointer: string): string | undefined => compileValueRef(body(pointer))(x);
  expect(["/s", "/n", "/f", "/t", "/l/0"].map(read)).toEqual(["ab", "12345678901234567890", "1.50", "true", "7"]);
  expect(["/z", "/o", "/l", "/none", ""].map(read)).toEqual(Array(5).fill(undefined));
});

test("a body that is no JSON has no values", () => {
  const bodies = ["", "a=b", "{", '{"a":1}x', Buffer.from('{"a":"\xff"}', "latin1"), "\ufeff{}"];
  expect(bodies.map((text) => compileValueRef(body("/a"))(withBody(text)))).toEqual(Array(6).fill(undefined));
});

test("a body over the bound is not read", () => {
  const fits = Buffer.from(`{"a":1,"b":"${"x".repeat(MAX_JSON_BYTES - 14)}"}`);
  expect(fits.length).toBe(MAX_JSON_BYTES);
  expect(compileValueRef(body("/a"))(withBody(fits))).toBe("1");
  expect(compileValueRef(body("/a"))(withBody(Buffer.concat([fits, Buffer.from(" ")])))).toBeUndefined();
});

test("a body is checked once a request", () => {
  const x = withBody('{"a":1}');
  const first = jsonBody(x);
  x.body.fill(0);
  expect(jsonBody(x)).toBe(first);
});

test("a pointer that is none reads nothing", () => {
  expect(compileValueRef(body("a"))(withBody('{"a":1}'))).toBeUndefined();
});

test("labels hold what is there, and leave out what is not", () => {
  const labels = contextLabels([
    { label: "room", from: header("x-room-id") },
    { label: "user", from: body("/user/id") },
    { label: "team", from: body("/team") },
    { label: "empty", from: header("x-empty") },
  ]);
  const x = createExchange({ headers: ["X-Room-Id", "42", "X-Empty", ""], body: Buffer.from('{"user":{"id":7}}') });
  expect({ ...labels(x) }).toEqual({ room: "42", user: "7" });
});

test("requests without labels share one empty object that nobody can change", () => {
  const none = contextLabels([]);
  const some = contextLabels([{ label: "room", from: header("x-room-id") }]);
  expect(none(createExchange())).toBe(some(createExchange()));
  expect(Object.isFrozen(none(createExchange()))).toBe(true);
});

test("a label named like an inherited property is a label like any other", () => {
  const labels = contextLabels([{ label: "__proto__", from: header("x") }])(createExchange({ headers: ["X", "1"] }));
  expect(Object.entries(labels)).toEqual([["__proto__", "1"]]);
});

test("no value makes a label longer than the bound, or one that moves a cursor", () => {
  const read = contextLabels([{ label: "room", from: body("/room") }]);
  const nasty = fc.string({ unit: fc.constantFrom("a", "\n", "\u001b", "\u009f", "\u2028", "\u202e", "\ud83d", "😀") });
  fc.assert(
    fc.property(fc.oneof(fc.string({ maxLength: 500 }), nasty), fc.nat(300), (text, times) => {
      const room = read(withBody(JSON.stringify({ room: text + "😀".repeat(times) }))).room ?? "";
      expect(room.length).toBeLessThanOrEqual(MAX_LABEL_LENGTH);
      expect(room).not.toMatch(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u);
      expect(room.isWellFormed()).toBe(true);
    }),
  );
});
