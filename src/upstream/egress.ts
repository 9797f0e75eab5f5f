import { isIP, type LookupFunction } from "node:net";
import type { EgressRule } from "../core/egress.ts";
import { ConnectError } from "./connect.error.ts";

/** The guard on the way out: what a name was found to be is looked at before any of it is dialled. */

/**
 * A lookup whose answer holds only addresses that may be dialled; where there is none, or the rule is strict and one may
 * not be, it fails. Node dials what a lookup answers and asks no second time, so the addresses that were looked at are
 * the ones dialled, whatever the name says a moment later.
 */
export function guardLookup(lookup: LookupFunction, rule: EgressRule): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, options, (error, found, family) => {
      // Not `error !== null`: a resolver that says undefined must not get its addresses past us.
      if (error) return callback(error, found, family);
      const addresses = typeof found === "string" ? [{ address: found, family: family ?? isIP(found) }] : found;
      if (addresses.some(({ address }) => isIP(address) === 0)) return callback(notAnAddress(), []);
      let refused: string | null = null;
      const open = addresses.filter(({ address }) => {
        const why = rule.refusal(address, hostname);
        refused ??= why;
        return why === null;
      });
      if (refused !== null && (rule.strict || open.length === 0)) callback(prohibited(refused), []);
      else callback(null, typeof found === "string" ? found : open, family);
    });
  };
}

/** The refusal of a host that is an address itself, for which Node makes no lookup; null where it may be dialled. */
export function refusedLiteral(hostname: string, rule: EgressRule): ConnectError | null {
  const why = isIP(hostname) === 0 ? null : rule.refusal(hostname);
  return why === null ? null : prohibited(why);
}

/** As Node calls it. */
function notAnAddress(): Error {
  return Object.assign(new Error("the resolver answered what is no address"), { code: "ERR_INVALID_IP_ADDRESS" });
}

function prohibited(why: string): ConnectError {
  return new ConnectError("egress", "destination_ip_prohibited", why);
}
