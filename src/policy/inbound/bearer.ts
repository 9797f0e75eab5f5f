import { hash, timingSafeEqual } from "node:crypto";
import { soleValue } from "../../core/headers.ts";
import type { Inbound, InboundOptions } from "./inbound.ts";

const AUTHORIZATION = "authorization";
const CREDENTIALS = /^bearer +([\x21-\x7e]+)$/i;
const TOKEN = /^[\x21-\x7e]+$/;

/**
 * `Authorization: Bearer <token>` (RFC 6750 section 2.1), or the bare token in a header of another name. The head alone
 * decides, so nothing of the body is read of who does not know the token.
 */
export function createBearer({ secrets, header }: InboundOptions): Inbound {
  // Hashes are of one length, so that neither the length of a token nor how much of it was right shows in the time.
  const hashes = secrets.map(digest);
  const name = header ?? AUTHORIZATION;
  return {
    ofBody: false,
    headers: [name],
    check(headers) {
      const value = soleValue(headers, name);
      if (typeof value !== "string") return value === null ? "repeated" : "missing";
      const token = name === AUTHORIZATION ? CREDENTIALS.exec(value)?.[1] : TOKEN.exec(value)?.[0];
      if (token === undefined) return "malformed";
      const given = digest(token);
      let known = false;
      for (const one of hashes) if (timingSafeEqual(one, given)) known = true;
      return known ? null : "mismatch";
    },
  };
}

function digest(token: string): Buffer {
  return hash("sha256", token, "buffer");
}
