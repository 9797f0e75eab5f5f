import { createHmac } from "node:crypto";
import fc from "fast-check";
import { Webhook } from "standardwebhooks";
import { expect, test } from "vitest";
import { createHmacSha256 } from "../../src/upstream/sign.hmac.ts";
import { compileSigner, type Signer, secretKey, signatureHeaderNames } from "../../src/upstream/sign.ts";

const SECRET = `whsec_${Buffer.from("a secret of twenty-four!").toString("base64")}`;
const OTHER = `whsec_${Buffer.from("another one of the length").toString("base64")}`;
const ID = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W";

function signerOf(...secrets: string[]): Signer {
  const signer = compileSigner({ scheme: "standard-webhooks", secrets });
  if (!signer.ok) throw new Error(signer.error);
  return signer.value;
}
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

test("bodies of any bytes and any size are signed as HMAC-SHA256 of exactly those bytes", () => {
  const key = fc.uint8Array({ minLength: 1, maxLength: 200 });
  const sizes = fc.oneof(fc.nat(300), fc.integer({ min: 65_300, max: 65_700 }), fc.constant(300_000));
  fc.assert(
    fc.property(key, sizes, fc.nat(255), (bytes, size, first) => {
      const body = Buffer.from(Array.from({ length: size }, (_, i) => (first + i * 7) % 256));
      const mac = createHmac("sha256", bytes).update("id.1.", "latin1").update(body).digest("base64");
      expect(createHmacSha256(Buffer.from(bytes)).base64("id.1.", body)).toBe(mac);
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

test("a secret is read as the reference library reads it, or is itself the key", () => {
  const key = (secret: string): string => {
    const result = secretKey(secret);
    return result.ok ? result.value.toString("latin1") : result.error;
  };
  expect(key(`whsec_${Buffer.from("key").toString("base64")}`)).toBe("key");
  expect(key(Buffer.from("key").toString("base64"))).toBe("key");
  expect(key("not base64 at all!")).toBe("not base64 at all!");
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
  [["whsk_AAAA"], "secret 1 is an ed25519 key"],
])("secrets %j are refused without being repeated", (secrets, why) => {
  const result = compileSigner({ scheme: "standard-webhooks", secrets });
  expect(result.ok ? "" : result.error).toContain(why);
  expect(result.ok ? "" : result.error).not.toContain("not base64 at");
});

test("a scheme that comes later is refused, never left unsigned", () => {
  expect(compileSigner({ scheme: "platform", secrets: [SECRET] }).ok).toBe(false);
});

test("the headers that are ours are those that we write", () => {
  const headers = signed(signerOf(SECRET), ID, 0, Buffer.alloc(0));
  expect(signatureHeaderNames({ scheme: "standard-webhooks", secrets: [] })).toEqual(Object.keys(headers));
  expect(signatureHeaderNames({ scheme: "platform", secrets: [] })).toEqual(["x-platform-signature"]);
});
