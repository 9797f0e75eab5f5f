import { expect, test } from "vitest";
import { redactHeaders, redactQuery } from "../../src/admin/redact.ts";

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
])("%s is a secret in any spelling, and its name stays", (name) => {
  expect(redactHeaders([name, "v", "Content-Type", "text/plain"])).toEqual([name, "***", "Content-Type", "text/plain"]);
});

test("other headers stay as they are, repeated ones and empty values too", () => {
  const headers = ["Accept", "a", "accept", "", "X-Request-ID", "token secret", "Authority", "x"];
  expect(redactHeaders(headers)).toEqual(headers);
});

test("in a query the values of secret names go, however the names are spelled; all else stays byte by byte", () => {
  expect(redactQuery("/a?room=7&token=abc&%74oken=x=y&api_key=1&&flag&token")).toBe(
    "/a?room=7&token=***&%74oken=***&api_key=***&&flag&token",
  );
  expect(redactQuery("/token=1")).toBe("/token=1");
  expect(redactQuery("/a?%E0%A4%A=1&secret=2?token=3")).toBe("/a?%E0%A4%A=1&secret=***");
});
