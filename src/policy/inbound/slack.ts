import { soleValue } from "../../core/headers.ts";
import type { Inbound, InboundOptions } from "./inbound.ts";
import { anyMatches, hexMac, isTimely, macsOf } from "./mac.ts";

const SIGNATURE = "x-slack-signature";
const TIME = "x-slack-request-timestamp";
const PREFIX = "v0=";

/**
 * Slack: `X-Slack-Signature: v0=<hex>` of `v0:timestamp:body`, the time in `X-Slack-Request-Timestamp`
 * (https://docs.slack.dev/authentication/verifying-requests-from-slack).
 */
export function createSlack({ secrets, toleranceMs }: InboundOptions): Inbound {
  const macs = macsOf(secrets);
  return {
    ofBody: true,
    headers: [SIGNATURE, TIME],
    check(headers, body, wallMs) {
      const value = soleValue(headers, SIGNATURE);
      const time = soleValue(headers, TIME);
      if (value === undefined || time === undefined) return "missing";
      if (value === null || time === null) return "repeated";
      const given = value.startsWith(PREFIX) ? hexMac(value.slice(PREFIX.length)) : null;
      const timely = isTimely(time, wallMs, toleranceMs);
      if (given === null || timely === null) return "malformed";
      if (!timely) return "stale";
      return anyMatches(macs, `v0:${time}:`, body, [given]) ? null : "mismatch";
    },
  };
}
