import { err, ok, type Result } from "../../core/result.ts";
import type { InboundSettings } from "../../core/settings.route.ts";
import { createBearer } from "./bearer.ts";
import { createGithub } from "./github.ts";
import { createHmac } from "./hmac.ts";
import type { Inbound } from "./inbound.ts";
import { createSlack } from "./slack.ts";
import { createStandardWebhooks } from "./standard-webhooks.ts";
import { createStripe } from "./stripe.ts";

/** Compiles `inbound` of a route, its keys ready for use. The error says, without the secret, why it can't. */
export function compileInbound(settings: InboundSettings): Result<Inbound, string> {
  if (settings.secrets.length === 0) return err("there is no secret to verify with");
  switch (settings.verify) {
    case "github":
      return ok(createGithub(settings));
    case "stripe":
      return ok(createStripe(settings));
    case "slack":
      return ok(createSlack(settings));
    case "standard-webhooks":
      return createStandardWebhooks(settings);
    case "hmac":
      return settings.header === null
        ? err("hmac needs header: where the signature is")
        : ok(createHmac(settings, settings.header));
    case "bearer":
      return ok(createBearer(settings));
  }
}
