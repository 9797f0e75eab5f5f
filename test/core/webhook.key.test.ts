import fc from "fast-check";
import { expect, test } from "vitest";
import { strongWebhookKey, webhookKey } from "../../src/core/webhook.key.ts";

const SEED = "6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc=";
const PAIR = "6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
const PUBLIC = "1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";

function read(secret: string, how = webhookKey): string {
  const key = how(secret);
  if (!key.ok) return key.error;
  return `${key.value.kind} ${(key.value.kind === "secret" ? key.value.seed : key.value.bytes).toString("base64")}`;
}

test("a secret for HMAC is read as the reference library reads it, or is itself the key", () => {
  const key = Buffer.from("key").toString("base64");
  expect(read(`whsec_${key}`)).toBe(`hmac ${key}`);
  expect(read(key)).toBe(`hmac ${key}`);
  expect(read("not base64 at all!")).toBe(`hmac ${Buffer.from("not base64 at all!").toString("base64")}`);
});

test("a secret key of ed25519 is its seed, alone or with the public key that belongs to it", () => {
  expect(read(`whsk_${SEED}`)).toBe(`secret ${SEED}`);
  expect(read(`whsk_${PAIR}`)).toBe(`secret ${SEED}`);
  expect(read(`whpk_${PUBLIC}`)).toBe(`public ${PUBLIC}`);
});

test.each([
  [`whsk_${SEED.slice(4)}`, "not base64 of 32 or 64 bytes"],
  ["whsk_", "not base64 of 32 or 64 bytes"],
  [`whsk_${PAIR.replace("VKIDij2HK", "aaaaaaaaa")}`, "its second half is not the public key of the first"],
  [`whpk_${PAIR}`, "not base64 of 32 bytes"],
  ["whpk_!", "not base64 of 32 bytes"],
  ["whsec_!", "not base64"],
  ["whsec_", "is empty"],
  ["", "is empty"],
])("%s is no key, and the error says why without it", (secret, why) => {
  expect(read(secret)).toContain(why);
  if (secret.length > 6) expect(read(secret)).not.toContain(secret.slice(6));
});

test("what a manifest may hold is base64 of at least 16 bytes", () => {
  const expected = "is no key of Standard Webhooks: expected whsec_ and base64 of at least 16 bytes";
  for (const weak of ["a plain text", "whsec_c2hvcnQ=", "c2hvcnQ="])
    expect(read(weak, strongWebhookKey)).toContain(expected);
  for (const good of [`whsec_${SEED}`, SEED]) expect(read(good, strongWebhookKey)).toBe(`hmac ${SEED}`);
  expect(read(`whsk_${SEED}`, strongWebhookKey)).toBe(`secret ${SEED}`);
});

test("no text makes reading a key throw", () => {
  const texts = fc.tuple(fc.constantFrom("", "whsec_", "whsk_", "whpk_"), fc.oneof(fc.string(), fc.base64String()));
  fc.assert(
    fc.property(texts, ([prefix, rest]) => {
      expect(typeof read(prefix + rest)).toBe("string");
    }),
    { numRuns: 500 },
  );
});
