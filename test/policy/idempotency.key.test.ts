import { expect, test } from "vitest";
import { idempotencyKey } from "../../src/policy/idempotency.key.ts";

const SETTINGS = { header: "idempotency-key", ttlMs: 1000 };
const BODY = Buffer.from('{"a":1}');

function hashOf(...headers: string[]): string | undefined {
  const made = idempotencyKey(headers, SETTINGS, BODY);
  return made.ok ? made.value?.hash : made.error;
}

test("who sends no key, or an empty one, has none", () => {
  expect(idempotencyKey([], SETTINGS, BODY)).toEqual({ ok: true, value: null });
  expect(idempotencyKey(["Idempotency-Key", ""], SETTINGS, BODY)).toEqual({ ok: true, value: null });
  expect(idempotencyKey(["X-Other", "k"], SETTINGS, BODY)).toEqual({ ok: true, value: null });
});

test("a key is the header's value and the caller's credentials, and neither can be read from it", () => {
  const made = idempotencyKey(["IDEMPOTENCY-key", "k1", "Authorization", "Bearer one"], SETTINGS, BODY);
  expect(made).toEqual({
    ok: true,
    value: {
      hash: expect.stringMatching(/^[\w-]{43}$/),
      bodyHash: "AVq9f1zFei3ZS3WQ8ErYCEJzkF7jPsXOvq5iJ2qX-GI",
      ttlMs: 1000,
    },
  });
  const hashes = [
    hashOf("Idempotency-Key", "k1"),
    hashOf("Idempotency-Key", "k2"),
    hashOf("Idempotency-Key", "k1", "Authorization", "Bearer one"),
    hashOf("Idempotency-Key", "k1", "Authorization", "Bearer two"),
    hashOf("Idempotency-Key", "k1", "Authorization", ""),
    hashOf("Idempotency-Key", "k1", "Authorization", "Bearer ", "Authorization", "one"),
  ];
  expect(new Set(hashes).size).toBe(hashes.length);
  expect(hashOf("Authorization", "Bearer one", "idempotency-key", "k1")).toBe(hashes[2]);
});

test("what is one text put together has another hash when it is cut elsewhere", () => {
  expect(hashOf("Idempotency-Key", "ab", "Authorization", "c")).not.toBe(
    hashOf("Idempotency-Key", "a", "Authorization", "bc"),
  );
});

test("two keys are refused, also where both are the same or one is empty", () => {
  for (const [one, two] of [
    ["k", "k"],
    ["", "k"],
    ["k", ""],
  ] as const) {
    expect(hashOf("Idempotency-Key", one, "idempotency-key", two)).toBe("repeated");
  }
});

test("a key has at most 255 bytes", () => {
  expect(hashOf("Idempotency-Key", "k".repeat(255))).toMatch(/^[\w-]{43}$/);
  expect(hashOf("Idempotency-Key", "k".repeat(256))).toBe("too_long");
});

test("the header is the one the manifest names", () => {
  const settings = { header: "x-event-id", ttlMs: 1 };
  expect(idempotencyKey(["X-Event-ID", "e", "Idempotency-Key", "k"], settings, BODY)).toMatchObject({
    ok: true,
    value: { hash: hashOf("Idempotency-Key", "e") },
  });
});
