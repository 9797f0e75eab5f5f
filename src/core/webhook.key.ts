import { KEY_BYTES, publicKeyOf } from "./ed25519.ts";
import { err, ok, type Result } from "./result.ts";

/** A key as Standard Webhooks 1.0 writes it (https://www.standardwebhooks.com, "Signature scheme"). */
export type WebhookKey =
  | { readonly kind: "hmac"; readonly bytes: Buffer }
  /** Signs, as `v1a`. */
  | { readonly kind: "secret"; readonly seed: Buffer }
  /** Only verifies. */
  | { readonly kind: "public"; readonly bytes: Buffer };

/**
 * So many public keys verify on one route, and so many signatures of them are looked at in a request. Each key tries
 * each signature, which reads the whole body and costs a hundred times a MAC: more would let one request hold up all.
 */
export const MAX_PUBLIC_KEYS = 4;

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/**
 * Reads `whsec_`, `whsk_` or `whpk_` and base64. A secret key of ed25519 is its seed of 32 bytes, alone or followed by
 * its public key, as libsodium and the implementations of the standard write it. Without a prefix it is a key for HMAC:
 * base64 as the reference libraries read it; any other text is itself the key (their `raw` format). The error says,
 * without the secret, what is wrong with it.
 */
export function webhookKey(secret: string): Result<WebhookKey, string> {
  if (secret.startsWith("whsk_")) return secretKey(secret.slice("whsk_".length));
  if (secret.startsWith("whpk_")) {
    const bytes = decoded(secret.slice("whpk_".length));
    if (bytes?.length !== KEY_BYTES)
      return err(`begins with whpk_, but what follows is not base64 of ${KEY_BYTES} bytes`);
    return ok({ kind: "public", bytes });
  }
  const prefixed = secret.startsWith("whsec_");
  const text = prefixed ? secret.slice("whsec_".length) : secret;
  const base64 = decoded(text);
  if (prefixed && base64 === null) return err("begins with whsec_, but what follows is not base64");
  const bytes = base64 ?? Buffer.from(text, "utf8");
  return bytes.length === 0 ? err("is empty") : ok({ kind: "hmac", bytes });
}

function secretKey(text: string): Result<WebhookKey, string> {
  const bytes = decoded(text);
  if (bytes?.length !== KEY_BYTES && bytes?.length !== 2 * KEY_BYTES) {
    return err(`begins with whsk_, but what follows is not base64 of ${KEY_BYTES} or ${2 * KEY_BYTES} bytes`);
  }
  const seed = bytes.subarray(0, KEY_BYTES);
  // Halves of two keys would sign what nobody can verify.
  if (bytes.length > KEY_BYTES && !publicKeyOf(seed).equals(bytes.subarray(KEY_BYTES))) {
    return err("begins with whsk_, but its second half is not the public key of the first");
  }
  return ok({ kind: "secret", seed });
}

function decoded(text: string): Buffer | null {
  return BASE64.test(text) ? Buffer.from(text, "base64") : null;
}

/** A shorter one for HMAC could be guessed; the standard asks for 24. */
const LEAST_BYTES = 16;

/** The same, and fit for production: a key for HMAC is base64 of at least {@link LEAST_BYTES} bytes. */
export function strongWebhookKey(secret: string): Result<WebhookKey, string> {
  const key = webhookKey(secret);
  if (!key.ok || key.value.kind !== "hmac") return key;
  if (decoded(secret.replace(/^whsec_/, "")) !== null && key.value.bytes.length >= LEAST_BYTES) return key;
  return err(
    `is no key of Standard Webhooks: expected whsec_ and base64 of at least ${LEAST_BYTES} bytes, as in the output of: openssl rand -base64 32`,
  );
}
