import { createPublicKey, verify } from "node:crypto";
import fc from "fast-check";
import { Webhook } from "standardwebhooks";
import Stripe from "stripe";
import { expect, test } from "vitest";
import { publicKeyOf } from "../../src/core/ed25519.ts";
import type { SignSettings } from "../../src/core/settings.ts";
import { compileSigner, type Signer, signatureHeaderNames } from "../../src/upstream/sign.ts";

const SECRET = `whsec_${Buffer.from("a secret of twenty-four!").toString("base64")}`;
const OTHER = `whsec_${Buffer.from("another one of the length").toString("base64")}`;
const ID = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W";

/** Of an implementation of the standard, with what it makes of the standard's example. */
const SEED = "6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc=";
const PAIR = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
const V1A = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==";

function compiled(scheme: SignSettings["scheme"], secrets: readonly string[]): Signer {
  const signer = compileSigner({ scheme, secrets });
  if (!signer.ok) throw new Error(signer.error);
  return signer.value;
}
const signerOf = (...secrets: string[]): Signer => compiled("standard-webhooks", secrets);

function signed(signer: Signer, id: string, wallMs: number, body: Buffer): Record<string, string> {
  const out: string[] = [];
  signer.sign(id, wallMs, body, out);
  return Object.fromEntries(Array.from({ length: out.length / 2 }, (_, i) => [out[2 * i], out[2 * i + 1]]));
}

test("the reference library accepts what we sign, and nothing changed on the way", () => {
  const body = '{"quiz":"Größe"}';
  const headers = signed(signerOf(SECRET), ID, Date.now(), Buffer.from(body));
  expect(new Webhook(SECRET).verify(body, headers)).toEqual({ quiz: "Größe" });
  expect(() => new Webhook(SECRET).verify(`${body} `, headers)).toThrow("No matching signature");
  expect(() => new Webhook(SECRET).verify(body, { ...headers, "webhook-id": "other" })).toThrow();
  expect(() => new Webhook(OTHER).verify(body, headers)).toThrow();
});

test("the example of the specification's libraries has its known signature", () => {
  const signer = signerOf("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
  const headers = signed(
    signer,
    "msg_p5jXN8AQM9LWM0D4loKWxJek",
    1_614_265_330_000,
    Buffer.from('{"test": 2432232314}'),
  );
  expect(headers).toEqual({
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  });
});

test("an ed25519 key signs as v1a, whether it is written as its seed or with its public half", () => {
  const body = Buffer.from('{"test": 2432232314}');
  for (const secret of [PAIR, `whsk_${SEED}`]) {
    const headers = signed(signerOf(secret), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330_000, body);
    expect(headers["webhook-signature"]).toBe(V1A);
  }
});

test("bodies of any bytes are signed by ed25519 as they are, and nobody else's key verifies them", () => {
  const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(seeds, fc.uint8Array({ maxLength: 500 }), (seed, bytes) => {
      const body = Buffer.from(bytes);
      const [, base64 = ""] = (
        signed(signerOf(`whsk_${seed.toString("base64")}`), ID, 5_000, body)["webhook-signature"] ?? ""
      ).split(",");
      const verifies = (publicKey: Buffer, message: Buffer): boolean => {
        const jwk = { kty: "OKP", crv: "Ed25519", x: publicKey.toString("base64url") };
        return verify(null, message, createPublicKey({ key: jwk, format: "jwk" }), Buffer.from(base64, "base64"));
      };
      const message = Buffer.concat([Buffer.from(`${ID}.5.`), body]);
      expect(verifies(publicKeyOf(seed), message)).toBe(true);
      expect(verifies(publicKeyOf(seed), Buffer.concat([message, Buffer.from([0])]))).toBe(false);
      expect(verifies(publicKeyOf(Buffer.alloc(32, 7)), message)).toBe(seed.equals(Buffer.alloc(32, 7)));
    }),
    { numRuns: 50 },
  );
});

test("keys of both kinds sign one request, in their order, and the reference library picks its own", () => {
  const body = '{"test": 2432232314}';
  const at = Math.floor(Date.now() / 1000) * 1000;
  const headers = signed(signerOf(SECRET, PAIR, OTHER), ID, at, Buffer.from(body));
  const alone = [SECRET, PAIR, OTHER].map((s) => signed(signerOf(s), ID, at, Buffer.from(body))["webhook-signature"]);
  expect(headers["webhook-signature"]).toBe(alone.join(" "));
  expect(headers["webhook-signature"]).toMatch(/^v1,\S{44} v1a,\S{88} v1,\S{44}$/);
  for (const secret of [SECRET, OTHER]) expect(new Webhook(secret).verify(body, headers)).toEqual(JSON.parse(body));
});

test("the platform's scheme is the time and a MAC over both, made by the first secret alone", () => {
  const { signature } = new Stripe("unused").webhooks;
  const at = Date.now();
  const headers = signed(compiled("platform", ["any text", "the old one"]), ID, at, Buffer.from('{"quiz":"Größe"}'));
  expect(Object.keys(headers)).toEqual(["X-Platform-Signature"]);
  const header = headers["X-Platform-Signature"] ?? "";
  expect(header).toMatch(new RegExp(`^t=${Math.floor(at / 1000)},v1=[0-9a-f]{64}$`));
  // Stripe's header has the same form, so its library knows this one, too.
  expect(signature?.verifyHeader('{"quiz":"Größe"}', header, "any text", 300)).toBe(true);
  expect(() => signature?.verifyHeader('{"quiz":"Grösse"}', header, "any text", 300)).toThrow("No signatures found");
  expect(() => signature?.verifyHeader('{"quiz":"Größe"}', header, "the old one", 300)).toThrow("No signatures found");
});

test("each secret signs, in their order, and each alone is enough to verify", () => {
  const headers = signed(signerOf(SECRET, OTHER), ID, Date.now(), Buffer.from("{}"));
  const alone = [SECRET, OTHER].map(
    (secret) =>
      signed(signerOf(secret), ID, Number(headers["webhook-timestamp"]) * 1000, Buffer.from("{}"))["webhook-signature"],
  );
  expect(headers["webhook-signature"]).toBe(alone.join(" "));
  for (const secret of [SECRET, OTHER]) expect(new Webhook(secret).verify("{}", headers)).toEqual({});
});

test("the timestamp is whole seconds, rounded down", () => {
  expect(signed(signerOf(SECRET), ID, 1_700_000_000_999, Buffer.alloc(0))["webhook-timestamp"]).toBe("1700000000");
});

test("headers already there stay in front of ours", () => {
  const out = ["X-First", "1"];
  signerOf(SECRET).sign(ID, 0, Buffer.alloc(0), out);
  expect([out[0], out[1], out.length]).toEqual(["X-First", "1", 8]);
});

test("any text body is signed as the reference library signs it", () => {
  const secret = fc.uint8Array({ minLength: 1, maxLength: 100 }).map((key) => Buffer.from(key).toString("base64"));
  const id = fc.string({ unit: "grapheme-ascii", minLength: 1 });
  fc.assert(
    fc.property(secret, id, fc.string(), fc.date({ min: new Date(0), noInvalidDate: true }), (key, msgId, text, at) => {
      const headers = signed(signerOf(`whsec_${key}`), msgId, at.getTime(), Buffer.from(text));
      expect(headers["webhook-signature"]).toBe(new Webhook(key).sign(msgId, at, text));
    }),
  );
});

test("whatever secret the reference library takes, we sign the same with it", () => {
  const text = fc.string({ unit: fc.constantFrom(..."ABab01+/=") });
  const secrets = fc.tuple(fc.constantFrom("", "whsec_"), text).map(([prefix, rest]) => prefix + rest);
  fc.assert(
    fc.property(secrets, (secret) => {
      let theirs: string;
      try {
        theirs = new Webhook(secret).sign("id", new Date(0), "body");
      } catch {
        return;
      }
      expect(signed(signerOf(secret), "id", 0, Buffer.from("body"))["webhook-signature"]).toBe(theirs);
    }),
    { numRuns: 1000 },
  );
});

test.each([
  [[], "there is no secret"],
  [[SECRET, ""], "secret 2 is empty"],
  [["whsec_"], "secret 1 is empty"],
  [["whsec_not base64"], "secret 1 begins with whsec_"],
  [[SECRET, "whsk_AAAA"], "secret 2 begins with whsk_, but what follows is not base64 of 32 or 64 bytes"],
  [["whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="], "secret 1 is a public key"],
])("secrets %j are refused without being repeated", (secrets, why) => {
  const result = compileSigner({ scheme: "standard-webhooks", secrets });
  expect(result.ok ? "" : result.error).toContain(why);
  expect(result.ok ? "" : result.error).not.toContain("not base64 at");
});

test("the headers that are ours are those that we write", () => {
  const headers = signed(signerOf(SECRET), ID, 0, Buffer.alloc(0));
  expect(signatureHeaderNames({ scheme: "standard-webhooks", secrets: [] })).toEqual(Object.keys(headers));
  const platform = signed(compiled("platform", ["x"]), ID, 0, Buffer.alloc(0));
  const names = Object.keys(platform).map((name) => name.toLowerCase());
  expect(signatureHeaderNames({ scheme: "platform", secrets: [] })).toEqual(names);
});
