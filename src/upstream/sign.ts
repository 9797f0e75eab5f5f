import { err, ok, type Result } from "../core/result.ts";
import type { SignSettings } from "../core/settings.ts";
import { createHmacSha256, type HmacSha256 } from "./sign.hmac.ts";

/** Signs what goes out (Standard Webhooks 1.0, https://www.standardwebhooks.com), symmetric scheme `v1`. */
export interface Signer {
  /**
   * Appends `webhook-id`, `webhook-timestamp` and `webhook-signature` to `out`. `wallMs` is Unix milliseconds and
   * fresh on each try; `body` is signed as the bytes it is. Nothing of the arguments is kept.
   */
  sign(webhookId: string, wallMs: number, body: Buffer, out: string[]): void;
}

/** Of the schemes, in lower case: incoming copies are dropped where we sign, or a caller could pass off its own. */
const NAMES: Readonly<Record<SignSettings["scheme"], readonly string[]>> = {
  "standard-webhooks": ["webhook-id", "webhook-timestamp", "webhook-signature"],
  platform: ["x-platform-signature"],
};

/** The lower-case names of the headers that are ours on a route that signs. */
export function signatureHeaderNames(sign: SignSettings): readonly string[] {
  return NAMES[sign.scheme];
}

/** Compiles `sign` of an app. The error says, without the secret, why it cannot sign. */
export function compileSigner(sign: SignSettings): Result<Signer, string> {
  if (sign.scheme !== "standard-webhooks") return err(`signing with the scheme ${sign.scheme} is not supported yet`);
  if (sign.secrets.length === 0) return err("there is no secret to sign with");
  const hmacs: HmacSha256[] = [];
  for (const [i, secret] of sign.secrets.entries()) {
    const key = secretKey(secret);
    if (!key.ok) return err(`secret ${i + 1} ${key.error}`);
    hmacs.push(createHmacSha256(key.value));
  }
  return ok({
    sign(webhookId, wallMs, body, out) {
      const timestamp = String(Math.floor(wallMs / 1000));
      const prefix = `${webhookId}.${timestamp}.`;
      // All secrets sign, so that a receiver can move from one to the next at its own time.
      let signatures = "";
      for (const hmac of hmacs) signatures += `${signatures === "" ? "" : " "}v1,${hmac.base64(prefix, body)}`;
      out.push("webhook-id", webhookId, "webhook-timestamp", timestamp, "webhook-signature", signatures);
    },
  });
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/**
 * The key in a secret: base64 with or without `whsec_` in front, as the reference libraries read it; any other text is
 * itself the key (their `raw` format).
 */
export function secretKey(secret: string): Result<Buffer, string> {
  if (secret.startsWith("whsk_") || secret.startsWith("whpk_")) return err("is an ed25519 key, not supported yet");
  const prefixed = secret.startsWith("whsec_");
  const text = prefixed ? secret.slice("whsec_".length) : secret;
  const isBase64 = BASE64.test(text);
  if (prefixed && !isBase64) return err("begins with whsec_, but what follows is not base64");
  const key = isBase64 ? Buffer.from(text, "base64") : Buffer.from(text, "utf8");
  return key.length === 0 ? err("is empty") : ok(key);
}
