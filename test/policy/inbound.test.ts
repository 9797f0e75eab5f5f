import { createHmac, generateKeyPairSync, sign as signBytes } from "node:crypto";
import { sign as githubSign } from "@octokit/webhooks-methods";
import fc from "fast-check";
import { Webhook } from "standardwebhooks";
import Stripe from "stripe";
import { expect, test } from "vitest";
import type { InboundSettings } from "../../src/core/settings.route.ts";
import { compileInbound } from "../../src/policy/inbound/compile.ts";
import { readMac } from "../../src/policy/inbound/hmac.ts";
import type { Inbound, InboundProblem } from "../../src/policy/inbound/inbound.ts";
import { isTimely } from "../../src/policy/inbound/mac.ts";
import { parseSignatures } from "../../src/policy/inbound/standard-webhooks.ts";
import { parseTimed } from "../../src/policy/inbound/stripe.ts";

/** Each scheme against its vendor's own library, or the example of its documentation where there is none. */

const AT = 1_764_000_000_000;

function inbound(
  verify: InboundSettings["verify"],
  secrets: readonly string[],
  more: Partial<InboundSettings> = {},
): Inbound {
  const compiled = compileInbound({ verify, secrets, header: null, toleranceMs: 300_000, ...more });
  if (!compiled.ok) throw new Error(compiled.error);
  return compiled.value;
}

type Headers = Readonly<Record<string, string | readonly string[]>>;

function check(scheme: Inbound, headers: Headers, body: string | Buffer, at = AT): InboundProblem | null {
  const raw = Object.entries(headers).flatMap(([name, value]) =>
    (typeof value === "string" ? [value] : value).flatMap((one) => [name, one]),
  );
  return scheme.check(["Host", "a.example", ...raw, "Accept", "*/*"], Buffer.from(body), at);
}

const BODY = '{"quiz":"Größe","n":1}';
const hex = (secret: string | Buffer, ...parts: readonly (string | Buffer)[]): string =>
  createHmac("sha256", secret)
    .update(Buffer.concat(parts.map((part) => Buffer.from(part))))
    .digest("hex");

test("github: what its own library signs is accepted, and nothing else", async () => {
  const scheme = inbound("github", ["old", "a secret"]);
  const signature = await githubSign("a secret", BODY);
  const ask = (value: string | readonly string[], body = BODY) => check(scheme, { "X-Hub-Signature-256": value }, body);
  expect(ask(signature)).toBe(null);
  expect(ask(await githubSign("old", BODY))).toBe(null);
  expect(ask(signature, `${BODY} `)).toBe("mismatch");
  expect(ask(await githubSign("another", BODY))).toBe("mismatch");
  expect(ask([signature, signature])).toBe("repeated");
  expect(check(scheme, {}, BODY)).toBe("missing");
  const tampered = [
    signature.slice(7),
    `sha1=${signature.slice(7)}`,
    signature.slice(0, -1),
    `${signature}0`,
    "",
    "sha256=",
  ];
  for (const value of tampered) expect(ask(value), value).toBe("malformed");
});

test("github: the example of its documentation", () => {
  const scheme = inbound("github", ["It's a Secret to Everybody"]);
  const signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
  expect(check(scheme, { "X-Hub-Signature-256": signature }, "Hello, World!")).toBe(null);
});

test("stripe: what its own library signs is accepted, and nothing else", () => {
  const secret = "whsec_a-text-as-it-is";
  const scheme = inbound("stripe", [secret, "the old one"]);
  const { webhooks } = new Stripe("unused");
  const signed = (payload: string, timestamp: number, by = secret): string =>
    webhooks.generateTestHeaderString({ payload, secret: by, timestamp });
  const now = AT / 1000;
  const ask = (value: string | readonly string[], body = BODY, at = AT) =>
    check(scheme, { "Stripe-Signature": value }, body, at);
  expect(ask(signed(BODY, now))).toBe(null);
  expect(ask(signed(BODY, now, "the old one"))).toBe(null);
  expect(ask(signed(BODY, now), BODY.replace("1", "2"))).toBe("mismatch");
  expect(ask(signed(BODY, now, "another"))).toBe("mismatch");
  expect(ask(signed(BODY, now).replace(`t=${now}`, `t=${now + 1}`))).toBe("mismatch");
  expect(ask([signed(BODY, now), signed(BODY, now)])).toBe("repeated");
  expect(check(scheme, {}, BODY)).toBe("missing");
  // With two signatures, as in a change of secrets, and one of a scheme that is not looked at.
  const [, v1 = ""] = signed(BODY, now).split(",");
  expect(ask(`t=${now},v1=${hex("x", BODY)},${v1},v0=${hex("y", BODY)}`)).toBe(null);
  expect(ask(`t=${now},${v1.replace("v1", "v0")}`)).toBe("malformed");
  for (const value of [v1, `t=${now}`, `t=${now},t=${now},${v1}`, `t=x,${v1}`, `t=,${v1}`, "", ",,,"]) {
    expect(ask(value), value).toBe("malformed");
  }
});

test("slack: the example of its documentation is accepted, and nothing else", () => {
  const scheme = inbound("slack", ["8f742231b10e8888abcd99yyyzzz85a5"]);
  const body =
    "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar" +
    "&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2F" +
    "hooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015" +
    ".47445629121.803a0bc887a14d10d2c447fce8b6703c";
  const good = {
    "X-Slack-Request-Timestamp": "1531420618",
    "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
  };
  const at = 1_531_420_618_000;
  expect(check(scheme, good, body, at)).toBe(null);
  expect(check(scheme, good, `${body}x`, at)).toBe("mismatch");
  expect(check(scheme, { ...good, "X-Slack-Request-Timestamp": "1531420619" }, body, at)).toBe("mismatch");
  expect(check(inbound("slack", ["another"]), good, body, at)).toBe("mismatch");
  expect(check(scheme, good, body, at + 301_000)).toBe("stale");
  for (const name of Object.keys(good)) {
    const value = good[name as keyof typeof good];
    expect(check(scheme, { ...good, [name]: [value, value] }, body, at)).toBe("repeated");
    expect(check(scheme, { ...good, [name]: [] }, body, at)).toBe("missing");
    expect(check(scheme, { ...good, [name]: `${value}x` }, body, at)).toBe("malformed");
  }
});

const SECRET = `whsec_${Buffer.from("a secret of twenty-four!").toString("base64")}`;
const OTHER = `whsec_${Buffer.from("another one of the length").toString("base64")}`;

function standard(secret: string, body: string, at = AT, id = "msg_1"): Record<string, string> {
  const signature = new Webhook(secret).sign(id, new Date(at), body);
  return { "webhook-id": id, "webhook-timestamp": String(Math.floor(at / 1000)), "webhook-signature": signature };
}

test("standard-webhooks: what the reference library signs is accepted, and nothing else", () => {
  const scheme = inbound("standard-webhooks", [OTHER, SECRET]);
  const good = standard(SECRET, BODY);
  expect(check(scheme, good, BODY)).toBe(null);
  expect(check(scheme, standard(OTHER, BODY), BODY)).toBe(null);
  expect(check(scheme, good, `${BODY} `)).toBe("mismatch");
  expect(check(scheme, { ...good, "webhook-id": "msg_2" }, BODY)).toBe("mismatch");
  expect(check(scheme, { ...good, "webhook-timestamp": String(AT / 1000 - 1) }, BODY)).toBe("mismatch");
  expect(check(inbound("standard-webhooks", [OTHER]), good, BODY)).toBe("mismatch");
  for (const name of Object.keys(good)) {
    expect(check(scheme, { ...good, [name]: [good[name] ?? "", good[name] ?? ""] }, BODY)).toBe("repeated");
    expect(check(scheme, { ...good, [name]: [] }, BODY)).toBe("missing");
    expect(check(scheme, { ...good, [name]: "" }, BODY)).toBe("malformed");
  }
});

test("standard-webhooks: of several signatures, and of versions that nobody knows, one that verifies is enough", () => {
  const scheme = inbound("standard-webhooks", [SECRET]);
  const good = standard(SECRET, BODY);
  const ask = (value: string) => check(scheme, { ...good, "webhook-signature": value }, BODY);
  const [own = "", other = ""] = [good["webhook-signature"], standard(OTHER, BODY)["webhook-signature"]];
  expect(ask(`${other} v9,later ${own}`)).toBe(null);
  expect(ask(`${other} ${other}`)).toBe("mismatch");
  expect(ask(own.replace("v1,", "v1a,"))).toBe("malformed");
  expect(ask(own.replace("v1,", "v2,"))).toBe("malformed");
  expect(ask(`${Array(15).fill(other).join(" ")} ${own}`)).toBe(null);
  expect(ask(`${Array(16).fill(other).join(" ")} ${own}`)).toBe("malformed");
});

test("standard-webhooks: a public key verifies what its secret key signed, of any bytes, and nothing else", () => {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const whpk = `whpk_${Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url").toString("base64")}`;
  const scheme = inbound("standard-webhooks", ["whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=", SECRET, whpk]);
  const body = Buffer.from([0, 255, 128, 13, 10, 200]);
  const signature = signBytes(null, Buffer.concat([Buffer.from("m.1764000000."), body]), privateKey).toString("base64");
  const good = { "webhook-id": "m", "webhook-timestamp": "1764000000", "webhook-signature": `v1a,${signature}` };
  expect(check(scheme, good, body)).toBe(null);
  expect(check(scheme, good, Buffer.concat([body, body]))).toBe("mismatch");
  expect(check(scheme, { ...good, "webhook-id": "n" }, body)).toBe("mismatch");
  expect(check(inbound("standard-webhooks", [SECRET]), good, body)).toBe("mismatch");
  // The two kinds stand side by side while receivers move from one to the other.
  const both = `v1,${Buffer.alloc(32).toString("base64")} ${good["webhook-signature"]}`;
  expect(check(scheme, { ...good, "webhook-signature": both }, body)).toBe(null);
  const many = Array(5).fill(good["webhook-signature"]).join(" ");
  expect(check(scheme, { ...good, "webhook-signature": many }, body)).toBe("malformed");
});

test("standard-webhooks: the example of an implementation with keys of ed25519", () => {
  const scheme = inbound("standard-webhooks", ["whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="]);
  const headers = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==",
  };
  expect(check(scheme, headers, '{"test": 2432232314}', 1_614_265_330_000)).toBe(null);
});

test("standard-webhooks: with a header of another family, id and time are read from the same family", () => {
  const scheme = inbound("standard-webhooks", [SECRET], { header: "svix-signature" });
  const own = standard(SECRET, BODY);
  const svix = Object.fromEntries(Object.entries(own).map(([name, value]) => [name.replace("webhook", "svix"), value]));
  expect(check(scheme, svix, BODY)).toBe(null);
  expect(check(scheme, own, BODY)).toBe("missing");
  expect(compileInbound({ verify: "standard-webhooks", secrets: [SECRET], header: "x-sum", toleranceMs: 1 }).ok).toBe(
    false,
  );
});

test("standard-webhooks: any text that the reference library signs is accepted", () => {
  const scheme = inbound("standard-webhooks", [SECRET]);
  const ids = fc.string({ unit: "grapheme-ascii", minLength: 1 });
  fc.assert(
    fc.property(ids, fc.string({ unit: "binary" }), (id, body) => {
      expect(check(scheme, standard(SECRET, body.toWellFormed(), AT, id), body.toWellFormed())).toBe(null);
    }),
  );
});

test.each(["", "sha256=", "SHA256="])("hmac: hexadecimal and base64 are read, with %j in front", (prefix) => {
  const scheme = inbound("hmac", ["a secret"], { header: "x-sum" });
  const body = Buffer.from([1, 2, 3, 255]);
  const mac = Buffer.from(hex("a secret", body), "hex");
  for (const form of [
    mac.toString("hex"),
    mac.toString("hex").toUpperCase(),
    mac.toString("base64"),
    mac.toString("base64").replace("=", ""),
  ]) {
    expect(check(scheme, { "X-Sum": prefix + form }, body)).toBe(null);
    expect(check(scheme, { "X-Sum": prefix + form }, Buffer.from([1, 2, 3, 254]))).toBe("mismatch");
    expect(check(scheme, { "X-Sum": [prefix + form, prefix + form] }, body)).toBe("repeated");
    expect(check(scheme, { "X-Sum": `${prefix}${form}x` }, body)).toBe("malformed");
  }
  expect(check(scheme, {}, body)).toBe("missing");
});

test("bearer: a known token is enough, whatever the body, and is asked for by its scheme", () => {
  const scheme = inbound("bearer", ["token-one", "token-two"]);
  expect(scheme.ofBody).toBe(false);
  const ask = (value: string | readonly string[]) => check(scheme, { Authorization: value }, "");
  for (const good of ["Bearer token-one", "bearer token-two", "BEARER   token-one"]) expect(ask(good)).toBe(null);
  for (const wrong of ["Bearer token-on", "Bearer token-onee", "Bearer x"]) expect(ask(wrong)).toBe("mismatch");
  for (const other of ["token-one", "Basic token-one", "Bearer", "Bearer ", "Bearer a b", ""])
    expect(ask(other)).toBe("malformed");
  expect(ask(["Bearer token-one", "Bearer token-one"])).toBe("repeated");
  expect(check(scheme, {}, "")).toBe("missing");
  const bare = inbound("bearer", ["token-one"], { header: "x-gitlab-token" });
  expect(check(bare, { "X-Gitlab-Token": "token-one" }, "")).toBe(null);
  expect(check(bare, { "X-Gitlab-Token": "token-two" }, "")).toBe("mismatch");
  expect(check(bare, { Authorization: "Bearer token-one" }, "")).toBe("missing");
});

test.each(["stripe", "slack", "standard-webhooks"] as const)(
  "%s: a time further from now than the tolerance is refused, ahead as well as behind",
  (verify) => {
    const seconds = AT / 1000;
    const headers: Headers = {
      stripe: { "Stripe-Signature": `t=${seconds},v1=${hex("a secret", `${seconds}.`, BODY)}` },
      slack: {
        "X-Slack-Request-Timestamp": String(seconds),
        "X-Slack-Signature": `v0=${hex("a secret", `v0:${seconds}:`, BODY)}`,
      },
      "standard-webhooks": standard(SECRET, BODY),
    }[verify];
    const scheme = inbound(verify, [verify === "standard-webhooks" ? SECRET : "a secret"], { toleranceMs: 60_000 });
    const at = (seconds: number): InboundProblem | null => check(scheme, headers, BODY, AT + seconds * 1000);
    expect([at(60.999), at(-60), at(61), at(-61)]).toEqual([null, null, "stale", "stale"]);
    expect([at(86_400 * 365), at(-86_400 * 365)]).toEqual(["stale", "stale"]);
  },
);

test("a time is whole Unix seconds and nothing else", () => {
  for (const text of ["", "0", "01764000000", "1.5", "1e9", "-1", "+1", " 1764000000", "0x1", "9".repeat(13), "١"]) {
    expect(isTimely(text, AT, 300_000), text).toBe(null);
  }
});

const hostile = fc.oneof(
  fc.string({ unit: "binary" }),
  fc
    .array(
      fc.constantFrom(
        "t=",
        "v1=",
        "v1,",
        "v1a,",
        "v0=",
        "sha256=",
        ",",
        " ",
        "=",
        "1764000000",
        "a".repeat(64),
        "A".repeat(44),
      ),
      { maxLength: 60 },
    )
    .map((parts) => parts.join("")),
  fc.nat(16_000).map((n) => "v1,".repeat(n / 3)),
);

test("no header value makes a parser throw, and what it reads has the length of a signature", () => {
  fc.assert(
    fc.property(hostile, (value) => {
      const macs = [...(parseTimed(value)?.macs ?? []), ...(parseSignatures(value)?.v1 ?? []), readMac(value)];
      for (const mac of macs) if (mac !== null) expect(mac.length).toBe(32);
      for (const signature of parseSignatures(value)?.v1a ?? []) expect(signature.length).toBe(64);
      expect(macs.length).toBeLessThanOrEqual(2 * 16 + 1);
    }),
    { numRuns: 1000 },
  );
});

test("no request that nobody signed is accepted, and none makes a check throw", () => {
  const schemes = [
    inbound("github", ["a secret"]),
    inbound("stripe", ["a secret"]),
    inbound("slack", ["a secret"]),
    inbound("standard-webhooks", [SECRET, "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="]),
    inbound("hmac", ["a secret"], { header: "x-sum" }),
    inbound("bearer", ["a-token-nobody-guesses"]),
  ];
  const names = fc.constantFrom(...schemes.flatMap((scheme) => scheme.headers));
  const raw = fc.array(fc.tuple(names, hostile), { maxLength: 8 }).map((pairs) => pairs.flat());
  fc.assert(
    fc.property(raw, fc.uint8Array({ maxLength: 100 }), (headers, body) => {
      for (const scheme of schemes) expect(scheme.check(headers, Buffer.from(body), AT)).not.toBe(null);
    }),
    { numRuns: 1000 },
  );
});
