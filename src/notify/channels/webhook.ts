import type { ChannelSettings } from "../../core/settings.service.ts";
import type { Channel } from "../channel.ts";
import { createPostChannel, type PostDeps } from "../post.ts";

/**
 * A program of somebody's: the event and its words as JSON, signed as Standard Webhooks has it. `webhook-id` is the
 * notification's own, the same on every try.
 */
export type WebhookSettings = Extract<ChannelSettings, { type: "webhook" }>;

/** Appends the headers of a signature to `out`; the time is that of the try. */
export type SignNotice = (id: string, body: string, out: string[]) => void;

/** `sign` is null where the channel has no secret: then only the id is sent. */
export function createWebhookChannel(settings: WebhookSettings, sign: SignNotice | null, deps: PostDeps): Channel {
  return createPostChannel(
    settings,
    ({ id, type, record, message }) => {
      const { at, ...said } = message;
      const body = JSON.stringify({ id, type, timestamp: at, data: record, message: said });
      const headers: string[] = [];
      if (sign === null) headers.push("webhook-id", id);
      else sign(id, body, headers);
      return { body, headers };
    },
    deps,
  );
}
