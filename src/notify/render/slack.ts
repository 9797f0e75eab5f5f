import type { Message } from "../message.ts";

/**
 * A message as blocks of Slack (https://docs.slack.dev/reference/block-kit/blocks). Where markup is needed, `&`, `<` and
 * `>` are escaped as Slack asks, so that no text can mention everybody or hide a link; elsewhere text is plain.
 */
export function slackBody(message: Message): object {
  const { title, sentences, command, link, room, severity } = message;
  const details = [...sentences, ...(room === null ? [] : [`Room: ${room}`])].join("\n");
  return {
    // For the line of a phone that shows no blocks. It is markup, too.
    text: escapeMarkup(title),
    blocks: [
      { type: "header", text: { type: "plain_text", text: `${SIGNS[severity]} ${title}`.slice(0, 150), emoji: false } },
      { type: "section", text: { type: "plain_text", text: details.slice(0, 3000), emoji: false } },
      ...(command === null
        ? []
        : [{ type: "section", text: { type: "mrkdwn", text: `\`${escapeMarkup(command)}\`` } }]),
      ...(link === null
        ? []
        : [{ type: "context", elements: [{ type: "mrkdwn", text: `<${escapeMarkup(link)}|Dashboard>` }] }]),
    ],
  };
}

/** Marks of the severity that need no emoji. */
export const SIGNS: Readonly<Record<Message["severity"], string>> = {
  info: "ℹ",
  good: "✔",
  warning: "⚠",
  critical: "✖",
};

function escapeMarkup(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
