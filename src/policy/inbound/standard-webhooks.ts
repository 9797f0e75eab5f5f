import { createEd25519Verifier, type Ed25519Verifier, SIGNATURE_BYTES, signedMessage } from "../../core/ed25519.ts";
import { soleValue } from "../../core/headers.ts";
import { createHmacSha256, type HmacSha256 } from "../../core/hmac.ts";
import { err, ok, type Result } from "../../core/result.ts";
import { MAX_PUBLIC_KEYS, webhookKey } from "../../core/webhook.key.ts";
import type { Inbound, InboundOptions } from "./inbound.ts";
import { anyMatches, base64Mac, base64Of, isTimely, MAX_SIGNATURES } from "./mac.ts";

const SUFFIX = "-signature";

/**
 * Standard Webhooks 1.0 (https://www.standardwebhooks.com): `webhook-signature` holds signatures of `id.timestamp.body`,
 * `v1` by HMAC-SHA256 and `v1a` by ed25519; one that verifies is enough. With `header: svix-signature` the other two are
 * `svix-id` and `svix-timestamp`. The error says, without the secret, what is wrong.
 */
export function createStandardWebhooks(options: InboundOptions): Result<Inbound, string> {
  const keys = readKeys(options.secrets);
  if (!keys.ok) return keys;
  const signature = options.header ?? `webhook${SUFFIX}`;
  if (!signature.endsWith(SUFFIX)) return err(`header must end in ${SUFFIX}`);
  const family = signature.slice(0, -SUFFIX.length);
  const names = [`${family}-id`, `${family}-timestamp`, signature] as const;
  return ok({
    ofBody: true,
    headers: names,
    check(headers, body, wallMs) {
      const [id, time, value] = [
        soleValue(headers, names[0]),
        soleValue(headers, names[1]),
        soleValue(headers, names[2]),
      ];
      if (id === undefined || time === undefined || value === undefined) return "missing";
      if (id === null || time === null || value === null) return "repeated";
      const given = parseSignatures(value);
      const timely = isTimely(time, wallMs, options.toleranceMs);
      if (id === "" || given === null || timely === null) return "malformed";
      if (!timely) return "stale";
      return verifies(keys.value, `${id}.${time}.`, body, given) ? null : "mismatch";
    },
  });
}

interface Keys {
  readonly macs: readonly HmacSha256[];
  readonly publicKeys: readonly Ed25519Verifier[];
}

function readKeys(secrets: readonly string[]): Result<Keys, string> {
  const macs: HmacSha256[] = [];
  const publicKeys: Ed25519Verifier[] = [];
  for (const [i, secret] of secrets.entries()) {
    const key = webhookKey(secret);
    if (!key.ok) return err(`secret ${i + 1} ${key.error}`);
    if (key.value.kind === "secret") return err(`secret ${i + 1} is a secret key (whsk_): its public key is enough`);
    if (key.value.kind === "hmac") macs.push(createHmacSha256(key.value.bytes));
    else publicKeys.push(createEd25519Verifier(key.value.bytes));
  }
  if (publicKeys.length > MAX_PUBLIC_KEYS) return err(`at most ${MAX_PUBLIC_KEYS} public keys (whpk_) are tried`);
  return ok({ macs, publicKeys });
}

function verifies({ macs, publicKeys }: Keys, prefix: string, body: Buffer, given: Signatures): boolean {
  if (given.v1.length > 0 && anyMatches(macs, prefix, body, given.v1)) return true;
  if (given.v1a.length === 0 || publicKeys.length === 0) return false;
  const message = signedMessage(prefix, body);
  return publicKeys.some((key) => given.v1a.some((signature) => key.verifies(message, signature)));
}

interface Signatures {
  readonly v1: readonly Buffer[];
  readonly v1a: readonly Buffer[];
}

/**
 * Reads signatures with a space between them. Those of other versions are passed over, as the standard asks; null where
 * there is none that could be checked, or more than anybody needs.
 */
export function parseSignatures(value: string): Signatures | null {
  const parts = value.split(" ", MAX_SIGNATURES + 1);
  if (parts.length > MAX_SIGNATURES) return null;
  const v1: Buffer[] = [];
  const v1a: Buffer[] = [];
  for (const part of parts) {
    const mac = part.startsWith("v1,") ? base64Mac(part.slice(3)) : null;
    const signature = part.startsWith("v1a,") ? base64Of(part.slice(4), SIGNATURE_BYTES) : null;
    if (mac !== null) v1.push(mac);
    if (signature !== null) v1a.push(signature);
  }
  return v1.length + v1a.length === 0 || v1a.length > MAX_PUBLIC_KEYS ? null : { v1, v1a };
}
