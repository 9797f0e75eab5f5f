import { expect, test } from "vitest";
import { redactQuery } from "../../src/admin/redact.ts";
import { redactHeaders, redactJson } from "../../src/core/redact.ts";

test.each([
  "Authorization",
  "proxy-authorization",
  "Cookie",
  "SET-COOKIE",
  "X-Api-Key",
  "X_Api_Key",
  "X-Hub-Signature-256",
  "webhook-signature",
  "X-Platform-Signature",
  "X-Shopify-Hmac-Sha256",
  "X-Gitlab-Token",
  "x-client-secret",
  "X-Auth",
  "X-Auth-User",
  "Aws-Access-Key",
  "DB_PASSWD",
])("%s is a secret in any spelling, and its name stays", (name) => {
  expect(redactHeaders([name, "v", "Content-Type", "text/plain"])).toEqual([name, "***", "Content-Type", "text/plain"]);
});

test("other headers stay as they are, repeated ones and empty values too", () => {
  const headers = [
    "Accept",
    "a",
    "accept",
    "",
    "X-Request-ID",
    "token secret",
    "Authority",
    "x",
    "X-Author",
    "y",
    "Idempotency-Key",
    "z",
  ];
  expect(redactHeaders(headers)).toEqual(headers);
});

test("in a query the values of secret names go, however the names are spelled; all else stays byte by byte", () => {
  expect(redactQuery("/a?room=7&token=abc&%74oken=x=y&api_key=1&&flag&token")).toBe(
    "/a?room=7&token=***&%74oken=***&api_key=***&&flag&token",
  );
  expect(redactQuery("/a?sig=1&key=2&auth=3&design=4&keys=5")).toBe("/a?sig=***&key=***&auth=***&design=4&keys=5");
  expect(redactQuery("/token=1")).toBe("/token=1");
  expect(redactQuery("/a?%E0%A4%A=1&secret=2?token=3")).toBe("/a?%E0%A4%A=1&secret=***");
});

test("in JSON what stands under a secret's name goes, whatever it is and however deep; that there is none stays", () => {
  const value = { ok: true, db: [{ password: "a", user: "b" }, 1], api_key: { a: 1 }, token: null };
  expect(redactJson(value)).toEqual({ ok: true, db: [{ password: "***", user: "b" }, 1], api_key: "***", token: null });
});
