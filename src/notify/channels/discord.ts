import type { Channel } from "../channel.ts";
import { type ChatSettings, createPostChannel, type PostDeps } from "../post.ts";
import { discordBody } from "../render/discord.ts";

/** A webhook of Discord. Its 429 says in Retry-After when to come back. */
export function createDiscordChannel(settings: ChatSettings, deps: PostDeps): Channel {
  return createPostChannel(
    settings,
    ({ message }) => ({ body: JSON.stringify(discordBody(message)), headers: [] }),
    deps,
  );
}
