import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";

/** Ed25519 (RFC 8032) under one key. It signs a message whole: see {@link signedMessage}. */

export interface Ed25519Signer {
  /** The signature in base64. */
  base64(message: Buffer): string;
}

export interface Ed25519Verifier {
  verifies(message: Buffer, signature: Buffer): boolean;
}

/** Of a seed, and of a public key. */
export const KEY_BYTES = 32;
export const SIGNATURE_BYTES = 64;

// What stands before the 32 bytes of a key in its PKCS #8 and its SPKI form (RFC 8410 sections 7 and 4).
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
const SPKI = Buffer.from("302a300506032b6570032100", "hex");

export function createEd25519Signer(seed: Buffer): Ed25519Signer {
  const key = secretKey(seed);
  return { base64: (message) => sign(null, message, key).toString("base64") };
}

export function createEd25519Verifier(publicKey: Buffer): Ed25519Verifier {
  const key = createPublicKey({ key: Buffer.concat([SPKI, publicKey]), format: "der", type: "spki" });
  return { verifies: (message, signature) => verify(null, message, key, signature) };
}

/** The public key that belongs to a seed. */
export function publicKeyOf(seed: Buffer): Buffer {
  return createPublicKey(secretKey(seed)).export({ format: "der", type: "spki" }).subarray(SPKI.length);
}

function secretKey(seed: Buffer): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: "der", type: "pkcs8" });
}

/** `prefix` (its characters as latin-1 bytes, as on the wire) followed by `body`. */
export function signedMessage(prefix: string, body: Buffer): Buffer {
  const message = Buffer.allocUnsafe(prefix.length + body.length);
  message.set(body, message.write(prefix, 0, "latin1"));
  return message;
}
