import { expect, test } from "vitest";
import { fieldName } from "../../src/core/header.names.ts";

test("a name keeps its spelling beside what it is compared by", () => {
  expect(fieldName("X_Request-Id")).toEqual({
    spelled: "X_Request-Id",
    lower: "x_request-id",
    dashed: "x-request-id",
    hop: false,
  });
});

test.each(["Connection", "TE", "keep-alive", "Proxy-Status", "proxy-authorization"])(
  "%s is for the next hop",
  (name) => {
    expect(fieldName(name).hop).toBe(true);
  },
);

test.each(["__proto__", "constructor", "0", "12", "x".repeat(200), ""])("the name %j is one like any other", (name) => {
  expect(fieldName(name)).toEqual({ spelled: name, lower: name, dashed: name.replaceAll("_", "-"), hop: false });
});

test("a name is worked out once, also while others make up very many; those are not kept", () => {
  const first = fieldName("X-Kept");
  const madeUp = fieldName("X-Made-Up");
  for (let i = 0; i < 5_000; i++) {
    fieldName(`X-Made-Up-${i}`);
    expect(fieldName("X-Kept")).toBe(first);
  }
  expect(fieldName("X-Made-Up")).not.toBe(madeUp);
  expect(fieldName("X-Made-Up")).toEqual(madeUp);
});
