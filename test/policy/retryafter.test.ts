import fc from "fast-check";
import { expect, test } from "vitest";
import { retryAfterMs } from "../../src/policy/retryafter.ts";

// The moment of RFC 9110's own examples.
const SENT = Date.UTC(1994, 10, 6, 8, 49, 37);
const after = (value: string, wallMs = SENT - 90_000): number | null => retryAfterMs(["Retry-After", value], wallMs);
const WEEK_MS = 7 * 24 * 3600 * 1000;

test("seconds are read as they are, up to a week", () => {
  expect([after("0"), after("1"), after(" 120 "), after("007")]).toEqual([0, 1000, 120_000, 7000]);
  expect(after("9".repeat(400))).toBe(WEEK_MS);
});

test("all three forms of an HTTP-date name the same moment", () => {
  expect(after("Sun, 06 Nov 1994 08:49:37 GMT")).toBe(90_000);
  expect(after("Sunday, 06-Nov-94 08:49:37 GMT")).toBe(90_000);
  expect(after("Sun Nov  6 08:49:37 1994")).toBe(90_000);
});

test("a moment in the past is now, one in the far future a week away", () => {
  expect(after("Sun, 06 Nov 1994 08:49:37 GMT", SENT + 1)).toBe(0);
  expect(after("Fri, 31 Dec 9999 23:59:59 GMT")).toBe(WEEK_MS);
});

test("a year of two digits is never read as more than fifty years ahead", () => {
  const wall = Date.UTC(2026, 0, 1);
  expect(after("Thursday, 01-Jan-26 00:00:10 GMT", wall)).toBe(10_000);
  expect(after("Friday, 01-Jan-99 00:00:10 GMT", wall)).toBe(0);
  expect(after("Friday, 01-Jan-76 00:00:10 GMT", wall)).toBe(WEEK_MS);
});

test("a leap second is the next minute's first", () => {
  expect(after("Sat, 31 Dec 2016 23:59:60 GMT", Date.UTC(2016, 11, 31, 23, 59, 59))).toBe(1000);
});

test.each([
  "",
  "-1",
  "+1",
  "1.5",
  "1e3",
  "0x10",
  "soon",
  "1, 2",
  "2026-01-01T00:00:00Z",
  "Sun, 06 Nov 1994 08:49:37",
  "Sun, 06 Nov 1994 08:49:37 CET",
  "Sun, 31 Jun 1994 08:49:37 GMT",
  "Sun, 06 Foo 1994 08:49:37 GMT",
  "Sun, 06 Nov 1994 24:00:00 GMT",
  "Sun, 06 Nov 1994 08:60:00 GMT",
])("%j means nothing", (value) => {
  expect(after(value)).toBeNull();
});

test("the first field counts, whatever its case; without one there is nothing", () => {
  expect(retryAfterMs(["X", "1", "RETRY-after", "2", "Retry-After", "3"], 0)).toBe(2000);
  expect(retryAfterMs(["X", "1"], 0)).toBeNull();
});

test("every date that is written is read back, and no text at all does harm", () => {
  const moments = fc.date({ min: new Date(0), max: new Date("9999-12-31T23:59:59Z"), noInvalidDate: true });
  fc.assert(
    fc.property(moments, (date) => {
      const wall = Math.floor(date.getTime() / 1000) * 1000 - 5000;
      expect(retryAfterMs(["retry-after", date.toUTCString()], wall)).toBe(5000);
    }),
  );
  fc.assert(
    fc.property(fc.string(), (text) => {
      const ms = after(text);
      expect(ms === null || (ms >= 0 && ms <= WEEK_MS)).toBe(true);
    }),
  );
});
