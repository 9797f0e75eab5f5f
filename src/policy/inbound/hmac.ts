import { soleValue } from "../../core/headers.ts";
import type { Inbound, InboundOptions } from "./inbound.ts";
import { anyMatches, base64Mac, hexMac, macsOf } from "./mac.ts";

const PREFIX = /^sha256=/i;

/**
 * Any sender of an HMAC-SHA256 of the body in one header of a name of its own: hexadecimal or base64, with `sha256=` in
 * front of it or not.
 */
export function createHmac({ secrets }: InboundOptions, name: string): Inbound {
  const macs = macsOf(secrets);
  return {
    ofBody: true,
    headers: [name],
    check(headers, body) {
      const value = soleValue(headers, name);
      if (typeof value !== "string") return value === null ? "repeated" : "missing";
      const given = readMac(value);
      if (given === null) return "malformed";
      return anyMatches(macs, "", body, [given]) ? null : "mismatch";
    },
  };
}

/** The two can't be taken for one another: 64 hexadecimal digits would be 48 bytes of base64. */
export function readMac(value: string): Buffer | null {
  const text = value.replace(PREFIX, "");
  return hexMac(text) ?? base64Mac(text);
}
