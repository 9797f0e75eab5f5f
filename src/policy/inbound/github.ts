import { soleValue } from "../../core/headers.ts";
import type { Inbound, InboundOptions } from "./inbound.ts";
import { anyMatches, hexMac, macsOf } from "./mac.ts";

const PREFIX = "sha256=";

/**
 * GitHub: `X-Hub-Signature-256: sha256=<hex>` of the body
 * (https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries). It signs no time.
 */
export function createGithub({ secrets, header }: InboundOptions): Inbound {
  const macs = macsOf(secrets);
  const name = header ?? "x-hub-signature-256";
  return {
    ofBody: true,
    headers: [name],
    check(headers, body) {
      const value = soleValue(headers, name);
      if (typeof value !== "string") return value === null ? "repeated" : "missing";
      const given = value.startsWith(PREFIX) ? hexMac(value.slice(PREFIX.length)) : null;
      if (given === null) return "malformed";
      return anyMatches(macs, "", body, [given]) ? null : "mismatch";
    },
  };
}
