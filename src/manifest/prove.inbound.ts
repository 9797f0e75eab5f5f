import { isSecretName } from "../core/headers.ts";
import type { InboundSettings } from "../core/settings.route.ts";
import { MAX_PUBLIC_KEYS, strongWebhookKey } from "../core/webhook.key.ts";
import type { Say } from "./prove.route.ts";
import type { ResolvedRoute } from "./resolve.ts";

/** What `inbound` of a route promises. `seen` holds those that were looked at: one is often inherited by many routes. */
export function proveInbound(route: ResolvedRoute, seen: Set<unknown>, say: Say): void {
  const { inbound, mode } = route.settings;
  if (inbound === null) return;
  const { verify } = inbound;
  if (mode === "passthrough" && verify !== "bearer") {
    say(
      [["inbound"]],
      `${verify} signs the body, which a passthrough route sends on while it comes, unchecked: use mode sync or async, ` +
        "verify: bearer, or let the app verify",
    );
  }
  if (seen.has(inbound)) return;
  seen.add(inbound);
  proveHeader(inbound, say);
  for (const [i, secret] of inbound.secrets.entries()) {
    const wrong = wrongSecret(verify, secret);
    if (wrong !== null) say([["inbound", "secrets"]], `secret ${i + 1} ${wrong}`);
  }
  if (publicKeys(inbound) > MAX_PUBLIC_KEYS) {
    say(
      [["inbound", "secrets"]],
      `at most ${MAX_PUBLIC_KEYS} public keys (whpk_) are tried: each costs a look at the whole body`,
    );
  }
  const timed = verify === "stripe" || verify === "slack" || verify === "standard-webhooks";
  const written = route.layers.findLast(({ entry }) => entry.inbound !== undefined)?.entry.inbound;
  if (!timed && written?.tolerance !== undefined) {
    say([["inbound", "tolerance"]], `tolerance never comes into play: ${verify} signs no time`, "warning");
  }
}

function publicKeys({ verify, secrets }: InboundSettings): number {
  return verify === "standard-webhooks" ? secrets.filter((secret) => secret.startsWith("whpk_")).length : 0;
}

function proveHeader(inbound: InboundSettings, say: Say): void {
  const { header } = inbound;
  const wrong = wrongHeader(inbound);
  const at = [header === null ? ["inbound"] : ["inbound", "header"]];
  if (wrong !== null) return say(at, wrong);
  if (header === null || isSecretName(header)) return;
  say(at, `the name ${header} says nothing of a secret: its value is stored and shown as it is`, "warning");
}

function wrongHeader({ verify, header }: InboundSettings): string | null {
  if (verify === "hmac" && header === null) return "hmac has no header of its own: the key header is missing";
  if (verify === "slack" && header !== null) return "slack has its own two headers: leave the key header out";
  if (verify === "standard-webhooks" && header?.endsWith("-signature") === false) {
    return "the header of standard-webhooks ends in -signature, beside those that end in -id and -timestamp";
  }
  return null;
}

/** What is wrong with a secret, without it. */
function wrongSecret(verify: InboundSettings["verify"], secret: string): string | null {
  if (verify === "bearer")
    return /^[\x21-\x7e]+$/.test(secret) ? null : "is no token: expected visible ASCII characters";
  if (verify !== "standard-webhooks") return null;
  const key = strongWebhookKey(secret);
  if (!key.ok) return key.error;
  return key.value.kind === "secret" ? "is a secret key: to verify, its public key (whpk_) is enough" : null;
}
