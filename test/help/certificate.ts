import { generateKeyPairSync, randomBytes, sign } from "node:crypto";

/** Certificates made on the spot (RFC 5280, in DER by hand), so that no key lies in the repository and no tool is needed. */
export interface Certificate {
  readonly name: string;
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

const ECDSA_WITH_SHA256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
const COMMON_NAME = oid(0x55, 0x04, 0x03);
const BASIC_CONSTRAINTS = oid(0x55, 0x1d, 0x13);
const ALTERNATIVE_NAMES = oid(0x55, 0x1d, 0x11);
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/**
 * One for the loopback addresses, localhost and `more` names: signed by `issuer`, else by itself and then an authority
 * too. Good from yesterday until tomorrow, or expired since an hour ago.
 */
export function createCertificate(
  name: string,
  issuer: Certificate | null = null,
  given: { readonly expired?: boolean; readonly names?: readonly string[] } = {},
): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const signer = issuer?.key ?? privateKey;
  const body = sequence(
    tagged(0xa0, tagged(0x02, Buffer.from([2]))),
    tagged(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ECDSA_WITH_SHA256,
    distinguishedName(issuer?.name ?? name),
    sequence(time(-DAY_MS), time(given.expired === true ? -HOUR_MS : DAY_MS)),
    distinguishedName(name),
    publicKey.export({ type: "spki", format: "der" }),
    tagged(0xa3, sequence(basicConstraints(issuer === null), alternativeNames(given.names ?? []))),
  );
  const signature = tagged(0x03, Buffer.concat([Buffer.from([0]), sign("sha256", body, signer)]));
  const der = sequence(body, ECDSA_WITH_SHA256, signature);
  const lines = der
    .toString("base64")
    .match(/.{1,64}/g)
    ?.join("\n");
  return {
    name,
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

function distinguishedName(name: string): Buffer {
  return sequence(tagged(0x31, sequence(COMMON_NAME, tagged(0x0c, Buffer.from(name)))));
}

function basicConstraints(authority: boolean): Buffer {
  const yes = tagged(0x01, Buffer.from([0xff]));
  return sequence(BASIC_CONSTRAINTS, yes, tagged(0x04, authority ? sequence(yes) : sequence()));
}

function alternativeNames(more: readonly string[]): Buffer {
  const dns = ["localhost", ...more].map((name) => tagged(0x82, Buffer.from(name)));
  const v4 = tagged(0x87, Buffer.from([127, 0, 0, 1]));
  const v6 = tagged(0x87, Buffer.from([...Array<number>(15).fill(0), 1]));
  return sequence(ALTERNATIVE_NAMES, tagged(0x04, sequence(...dns, v4, v6)));
}

function time(fromNowMs: number): Buffer {
  const text = new Date(Date.now() + fromNowMs).toISOString().replace(/[-:T]|\.\d+/g, "");
  return tagged(0x18, Buffer.from(text));
}

function oid(...bytes: number[]): Buffer {
  return tagged(0x06, Buffer.from(bytes));
}

function sequence(...parts: Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
