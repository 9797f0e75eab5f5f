import fc from "fast-check";
import { expect, test } from "vitest";
import { HOP_BY_HOP } from "../../src/core/header.names.ts";
import { endToEnd, headerCount, headerValue, isFieldValue, isToken } from "../../src/core/headers.ts";

const NONE: ReadonlySet<string> = new Set();

test("a value is found whatever the spelling of its name, the first of several", () => {
  const headers = ["A", "1", "X-Room-ID", "42", "x-room-id", "43"];
  expect(headerValue(headers, "x-room-id")).toBe("42");
  expect(headerCount(headers, "x-room-id")).toBe(2);
  expect(headerValue(headers, "x-room")).toBe(undefined);
});

test("hop-by-hop fields and all that Connection names stay behind; the rest keeps order, number and spelling", () => {
  const headers = [
    "X-A",
    "1",
    "Connection",
    "close, X-Hop",
    "x-hop",
    "2",
    "Keep-Alive",
    "5",
    "X-A",
    "3",
    "TE",
    "trailers",
  ];
  expect(endToEnd(headers, NONE)).toEqual(["X-A", "1", "X-A", "3"]);
});

test("fields that are ours are dropped, and copies of them under an underscore too", () => {
  const headers = ["X-Env", "1", "X_Env", "2", "x_env", "3", "X-Environment", "4"];
  expect(endToEnd(headers, new Set(["x-env"]))).toEqual(["X-Environment", "4"]);
});

test("whatever the headers: nothing hop-by-hop, dropped or named by Connection is left, and what is left was there", () => {
  const name = fc.constantFrom("A", "b", "Connection", "TE", "Upgrade", "X-Hop", "x_hop", "Host", "Set-Cookie");
  const value = fc.constantFrom("1", "close", "keep-alive", "x-hop, b", "upgrade");
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value)), (pairs) => {
      const headers = pairs.flat();
      const kept = endToEnd(headers, new Set(["host"]));
      const named = pairs
        .filter(([n]) => n === "Connection")
        .flatMap(([, v]) => v.split(",").map((part) => part.trim().toLowerCase()));
      for (let i = 0; i < kept.length; i += 2) {
        const lower = (kept[i] as string).toLowerCase();
        if (HOP_BY_HOP.has(lower) || lower === "host" || named.includes(lower)) return false;
      }
      const wanted = pairs.filter(([n]) => {
        const lower = n.toLowerCase();
        return !HOP_BY_HOP.has(lower) && lower !== "host" && !named.includes(lower);
      });
      return JSON.stringify(kept) === JSON.stringify(wanted.flat());
    }),
  );
});

test("names are tokens, values hold no control characters", () => {
  expect(["X-A", "a!#$%&'*+.^_`|~9"].map(isToken)).toEqual([true, true]);
  expect(["", "a b", "a:", "ä"].map(isToken)).toEqual([false, false, false, false]);
  expect(["", "a\tb", "caf\xe9"].map(isFieldValue)).toEqual([true, true, true]);
  expect(["a\r\nb", "\0", "\u0100"].map(isFieldValue)).toEqual([false, false, false]);
});
