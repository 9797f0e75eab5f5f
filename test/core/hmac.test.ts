import { createHmac } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createHmacSha256 } from "../../src/core/hmac.ts";

test("bodies of any bytes and any size are signed as HMAC-SHA256 of exactly those bytes", () => {
  const key = fc.uint8Array({ minLength: 1, maxLength: 200 });
  const sizes = fc.oneof(fc.nat(300), fc.integer({ min: 65_300, max: 65_700 }), fc.constant(300_000));
  fc.assert(
    fc.property(key, sizes, fc.nat(255), (bytes, size, first) => {
      const body = Buffer.from(Array.from({ length: size }, (_, i) => (first + i * 7) % 256));
      const mac = createHmac("sha256", bytes).update("id.1.", "latin1").update(body).digest();
      const own = createHmacSha256(Buffer.from(bytes));
      expect(own.base64("id.1.", body)).toBe(mac.toString("base64"));
      expect(own.hex("id.1.", body)).toBe(mac.toString("hex"));
      expect(own.bytes("id.1.", body)).toEqual(mac);
    }),
    { numRuns: 60 },
  );
});

test("signatures under two keys do not disturb each other", () => {
  const [one, two] = [createHmacSha256(Buffer.from("one")), createHmacSha256(Buffer.from("two"))];
  const first = one.base64("a.", Buffer.from("body"));
  two.base64("a longer prefix.", Buffer.from("a longer body"));
  expect(one.base64("a.", Buffer.from("body"))).toBe(first);
});
