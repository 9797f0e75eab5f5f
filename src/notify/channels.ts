import type { ChannelSettings } from "../core/settings.service.ts";
import type { Channel } from "./channel.ts";
import { createDiscordChannel } from "./channels/discord.ts";
import { createEmailChannel } from "./channels/email.ts";
import { createHttpChannel } from "./channels/http.ts";
import { createSlackChannel } from "./channels/slack.ts";
import { createWebhookChannel, type SignNotice } from "./channels/webhook.ts";
import type { PostDeps } from "./post.ts";

/** What the channels stand on. */
export interface ChannelDeps extends PostDeps {
  /** Signs with a secret of Standard Webhooks, which the manifest has looked at. */
  readonly signer: (secret: string) => SignNotice;
}

export function createChannel(settings: ChannelSettings, deps: ChannelDeps): Channel {
  switch (settings.type) {
    case "email":
      return createEmailChannel(settings, deps);
    case "slack":
      return createSlackChannel(settings, deps);
    case "discord":
      return createDiscordChannel(settings, deps);
    case "webhook":
      return createWebhookChannel(settings, settings.secret === null ? null : deps.signer(settings.secret), deps);
    case "http":
      return createHttpChannel(settings, deps);
  }
}
