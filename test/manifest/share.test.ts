import { expect, test } from "vitest";
import { createShare } from "../../src/manifest/share.ts";

/** Settings of equal content become one object. */

const retry = (attempts: number) => ({ attempts, transient: [429, "5xx"] });

test("values of equal content are one object, others are not", () => {
  const share = createShare();
  const first = retry(2);
  expect(share.of(first)).toBe(first);
  expect(share.of(retry(2))).toBe(first);
  expect(share.of(retry(3))).not.toBe(first);
});

test("what is given once only is shared like all else, with what was there and what comes", () => {
  const share = createShare();
  const first = share.of(retry(2));
  expect(share.once(retry(2))).toBe(first);
  const second = share.once(retry(3));
  expect(share.of(retry(3))).toBe(second);
  expect(createShare(share.known).once(retry(3))).toBe(second);
  expect([share.once(null), share.once("text")]).toEqual([null, "text"]);
});

test("what JSON would write alike is not alike: infinity and null, a number and its text, a text and a list", () => {
  const share = createShare();
  const values = [{ a: null }, { a: Number.POSITIVE_INFINITY }, { a: 1 }, { a: "1" }, { a: ["1"] }, { a: "[1]" }];
  expect(new Set(values.map((value) => share.of(value))).size).toBe(values.length);
});

test("files are alike where their bytes are, however they are held", () => {
  const share = createShare();
  const body = (bytes: Uint8Array) => [{ strategy: "static", body: { bytes } }];
  const first = share.of(body(Buffer.from("sorry")));
  expect(share.of(body(new TextEncoder().encode("sorry")))).toBe(first);
  expect(share.of(body(new TextEncoder().encode("so sorry")))).not.toBe(first);
});

test("a later share has the objects of the one before it, and forgets what it was not asked for", () => {
  const share = createShare();
  const kept = share.of(retry(2));
  const gone = share.of(retry(3));
  const next = createShare(share.known);
  expect(next.of(retry(2))).toBe(kept);
  const after = createShare(next.known);
  expect(after.of(retry(2))).toBe(kept);
  expect(after.of(retry(3))).not.toBe(gone);
});

test("long values are told apart, too", () => {
  const share = createShare();
  const long = (end: string) => ({ text: `${"x".repeat(1000)}${end}` });
  const first = share.of(long("a"));
  expect(share.of(long("a"))).toBe(first);
  expect(share.of(long("b"))).not.toBe(first);
});
