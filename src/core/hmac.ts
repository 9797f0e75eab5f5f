import { createHmac, createSecretKey, type Hmac, hash, type KeyObject } from "node:crypto";

/** HMAC-SHA256 under one key: the MAC of `prefix` (its characters as latin-1 bytes, as on the wire) followed by `body`. */
export interface HmacSha256 {
  base64(prefix: string, body: Buffer): string;
  /** Lower case. */
  hex(prefix: string, body: Buffer): string;
  bytes(prefix: string, body: Buffer): Buffer;
}

export const MAC_BYTES = 32;

const BLOCK_BYTES = 64;
/** Longer messages are signed in parts: the copy would cost more than it spares. */
const SCRATCH_BYTES = 64 * 1024;

// Shared by all keys, since a signature is made in one synchronous stretch.
const scratch = Buffer.alloc(SCRATCH_BYTES);

/**
 * HMAC as RFC 2104 defines it, by two one-shot hashes over prepared blocks: `createHmac` builds and frees a native
 * object a call, which costs half as much again for a body of 1 KiB. Every try of every signed route pays this.
 */
export function createHmacSha256(key: Buffer): HmacSha256 {
  const object = createSecretKey(key);
  const inner = paddedKey(key, 0x36);
  const outer = Buffer.concat([paddedKey(key, 0x5c), Buffer.alloc(MAC_BYTES)]);
  /** Puts the inner hash into `outer`; false where the message is too long for that. */
  const prepare = (prefix: string, body: Buffer): boolean => {
    if (BLOCK_BYTES + prefix.length + body.length > SCRATCH_BYTES) return false;
    scratch.set(inner, 0);
    const bodyAt = BLOCK_BYTES + scratch.write(prefix, BLOCK_BYTES, "latin1");
    scratch.set(body, bodyAt);
    outer.write(hash("sha256", scratch.subarray(0, bodyAt + body.length), "latin1"), BLOCK_BYTES, "latin1");
    return true;
  };
  return {
    base64: (prefix, body) =>
      prepare(prefix, body) ? hash("sha256", outer, "base64") : inParts(object, prefix, body).digest("base64"),
    hex: (prefix, body) =>
      prepare(prefix, body) ? hash("sha256", outer, "hex") : inParts(object, prefix, body).digest("hex"),
    bytes: (prefix, body) =>
      prepare(prefix, body) ? hash("sha256", outer, "buffer") : inParts(object, prefix, body).digest(),
  };
}

function paddedKey(key: Buffer, pad: number): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  (key.length > BLOCK_BYTES ? hash("sha256", key, "buffer") : key).copy(block);
  for (let i = 0; i < BLOCK_BYTES; i++) block[i] = (block[i] ?? 0) ^ pad;
  return block;
}

function inParts(key: KeyObject, prefix: string, body: Buffer): Hmac {
  return createHmac("sha256", key).update(prefix, "latin1").update(body);
}
