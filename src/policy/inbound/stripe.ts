import { soleValue } from "../../core/headers.ts";
import type { Inbound, InboundOptions } from "./inbound.ts";
import { anyMatches, hexMac, isTimely, MAX_SIGNATURES, macsOf } from "./mac.ts";

/**
 * Stripe: `Stripe-Signature: t=<unix>,v1=<hex>[,v1=<hex>…]` of `t.body` (https://docs.stripe.com/webhooks/signature).
 * The secret is a text as it is, `whsec_` included. The platform's own scheme has the same form.
 */
export function createStripe({ secrets, header, toleranceMs }: InboundOptions): Inbound {
  const macs = macsOf(secrets);
  const name = header ?? "stripe-signature";
  return {
    ofBody: true,
    headers: [name],
    check(headers, body, wallMs) {
      const value = soleValue(headers, name);
      if (typeof value !== "string") return value === null ? "repeated" : "missing";
      const given = parseTimed(value);
      const timely = given === null ? null : isTimely(given.time, wallMs, toleranceMs);
      if (given === null || timely === null) return "malformed";
      if (!timely) return "stale";
      return anyMatches(macs, `${given.time}.`, body, given.macs) ? null : "mismatch";
    },
  };
}

/** Reads one `t` and at least one `v1`; entries of other schemes are passed over. Null where it is not of that form. */
export function parseTimed(value: string): { readonly time: string; readonly macs: readonly Buffer[] } | null {
  const parts = value.split(",", MAX_SIGNATURES + 2);
  if (parts.length > MAX_SIGNATURES + 1) return null;
  let time: string | null = null;
  const macs: Buffer[] = [];
  for (const part of parts) {
    if (part.startsWith("t=")) {
      if (time !== null) return null;
      time = part.slice(2);
    } else if (part.startsWith("v1=")) {
      const mac = hexMac(part.slice(3));
      if (mac !== null) macs.push(mac);
    }
  }
  return time === null || macs.length === 0 ? null : { time, macs };
}
