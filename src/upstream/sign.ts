import { createEd25519Signer, type Ed25519Signer, signedMessage } from "../core/ed25519.ts";
import { createHmacSha256, type HmacSha256 } from "../core/hmac.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { SignSettings } from "../core/settings.ts";
import { webhookKey } from "../core/webhook.key.ts";

/** Signs what goes out. */
export interface Signer {
  /**
   * Appends the headers of {@link signatureHeaderNames} to `out`. `wallMs` is Unix milliseconds and fresh on each try;
   * `body` is signed as the bytes it is. Nothing of the arguments is kept.
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

/** Compiles `sign` of an app, its keys ready for use. The error says, without the secret, why it cannot sign. */
export function compileSigner(sign: SignSettings): Result<Signer, string> {
  const [first] = sign.secrets;
  if (first === undefined) return err("there is no secret to sign with");
  if (sign.scheme === "standard-webhooks") return compileStandard(sign.secrets);
  return first === "" ? err("secret 1 is empty") : ok(platformSigner(first));
}

type Key =
  | { readonly kind: "hmac"; readonly hmac: HmacSha256 }
  | { readonly kind: "ed25519"; readonly signer: Ed25519Signer };

/** Standard Webhooks 1.0 (https://www.standardwebhooks.com): `v1` by HMAC-SHA256, `v1a` by ed25519. */
function compileStandard(secrets: readonly string[]): Result<Signer, string> {
  const keys: Key[] = [];
  for (const [i, secret] of secrets.entries()) {
    const key = webhookKey(secret);
    if (!key.ok) return err(`secret ${i + 1} ${key.error}`);
    if (key.value.kind === "public") return err(`secret ${i + 1} is a public key (whpk_), which can't sign`);
    keys.push(
      key.value.kind === "hmac"
        ? { kind: "hmac", hmac: createHmacSha256(key.value.bytes) }
        : { kind: "ed25519", signer: createEd25519Signer(key.value.seed) },
    );
  }
  return ok({
    sign(webhookId, wallMs, body, out) {
      const timestamp = seconds(wallMs);
      // All secrets sign, so that a receiver can move from one to the next at its own time.
      const signatures = signAll(keys, `${webhookId}.${timestamp}.`, body);
      out.push("webhook-id", webhookId, "webhook-timestamp", timestamp, "webhook-signature", signatures);
    },
  });
}

function signAll(keys: readonly Key[], prefix: string, body: Buffer): string {
  let message: Buffer | null = null;
  let signatures = "";
  for (const key of keys) {
    if (signatures !== "") signatures += " ";
    if (key.kind === "hmac") {
      signatures += `v1,${key.hmac.base64(prefix, body)}`;
    } else {
      message ??= signedMessage(prefix, body);
      signatures += `v1a,${key.signer.base64(message)}`;
    }
  }
  return signatures;
}

/** The platform's own scheme: one signature, so that receivers need not know of several; the first secret makes it. */
function platformSigner(secret: string): Signer {
  const hmac = createHmacSha256(Buffer.from(secret, "utf8"));
  return {
    sign(_webhookId, wallMs, body, out) {
      const timestamp = seconds(wallMs);
      out.push("X-Platform-Signature", `t=${timestamp},v1=${hmac.hex(`${timestamp}.`, body)}`);
    },
  };
}

/** Unix time in whole seconds, rounded down. */
function seconds(wallMs: number): string {
  return String(Math.floor(wallMs / 1000));
}
