import type { Channel } from "../channel.ts";
import { type ChatSettings, createPostChannel, type PostDeps } from "../post.ts";
import { slackBody } from "../render/slack.ts";

/** An incoming webhook of Slack. */
export function createSlackChannel(settings: ChatSettings, deps: PostDeps): Channel {
  return createPostChannel(
    settings,
    ({ message }) => ({ body: JSON.stringify(slackBody(message)), headers: [] }),
    deps,
  );
}
