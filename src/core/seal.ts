import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync } from "node:crypto";
import { isSecretName, type RawHeaders } from "./headers.ts";
import type { Random } from "./random.ts";

/**
 * Headers that are secrets, sealed for the file with AES-256-GCM under a key made of `OUTRIGGER_SPOOL_KEY`. Several
 * keys may be given, separated by commas: the first seals, all of them open, so that a key can be changed.
 */
export interface Seal {
  /** The header list with its secrets taken out, and these as one text; null where there are none, or no key. */
  close(headers: RawHeaders): { readonly headers: readonly (string | null)[]; readonly sealed: string | null };
  /** Puts them back. Throws where none of the keys fits. */
  open(headers: readonly (string | null)[], sealed: string | null): string[];
  /** Says which keys these are, without telling them; empty for none. The first seals. */
  readonly prints: readonly string[];
}

const INFO = "outrigger spool headers 1";

export function createSeal(keys: string | undefined, random: Random): Seal {
  const made = (keys ?? "")
    .split(",")
    .filter((text) => text !== "")
    .map((text) => Buffer.from(hkdfSync("sha256", createHash("sha256").update(text).digest(), "", INFO, 32)));
  const [first] = made;
  return {
    prints: made.map(printOf),
    close(headers) {
      if (first === undefined) return { headers, sealed: null };
      let secrets: string[] | null = null;
      const left: (string | null)[] = headers.slice();
      for (let i = 0; i + 1 < headers.length; i += 2) {
        if (!isSecretName(headers[i] as string)) continue;
        secrets ??= [];
        secrets.push(headers[i + 1] as string);
        left[i + 1] = null;
      }
      return { headers: left, sealed: secrets === null ? null : encrypt(first, JSON.stringify(secrets), random) };
    },
    open(headers, sealed) {
      if (sealed === null) return headers.map((part) => part ?? "");
      const secrets = JSON.parse(decrypt(made, sealed)) as string[];
      let next = 0;
      return headers.map((part) => part ?? secrets[next++] ?? "");
    },
  };
}

/** Characters of a print. What is sealed begins with that of its key, so that the store can say which keys it needs. */
export const PRINT_CHARS = 16;

function printOf(key: Buffer): string {
  return createHmac("sha256", key).update("print").digest("base64url").slice(0, PRINT_CHARS);
}

function encrypt(key: Buffer, text: string, random: Random): string {
  const iv = Buffer.from(random.bytes(12));
  const cipher = createCipheriv("aes-256-gcm", key, iv);
  const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return printOf(key) + Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString("base64");
}

function decrypt(keys: readonly Buffer[], text: string): string {
  const bytes = Buffer.from(text.slice(PRINT_CHARS), "base64");
  for (const key of keys) {
    try {
      const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, 12));
      decipher.setAuthTag(bytes.subarray(12, 28));
      return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString("utf8");
    } catch {
      // Another key may have sealed it.
    }
  }
  throw new Error("stored headers can't be opened: OUTRIGGER_SPOOL_KEY is not the key that they were sealed with");
}
