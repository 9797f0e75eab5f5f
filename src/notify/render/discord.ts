import type { Message } from "../message.ts";
import { SIGNS } from "./slack.ts";

const COLOURS: Readonly<Record<Message["severity"], number>> = {
  info: 0x5b7fa6,
  good: 0x2e8b57,
  warning: 0xd9a200,
  critical: 0xc0392b,
};

/**
 * A message as an embed of Discord (https://docs.discord.com/developers/resources/webhook). Markdown is escaped, and
 * nobody is ever mentioned, whatever a text says.
 */
export function discordBody(message: Message): object {
  const { title, sentences, command, link, room, severity, at } = message;
  const lines = [...sentences, ...(room === null ? [] : [`Room: ${room}`])].map(escapeMarkdown);
  return {
    allowed_mentions: { parse: [] },
    embeds: [
      {
        title: `${SIGNS[severity]} ${escapeMarkdown(title)}`.slice(0, 256),
        description: [...lines, ...(command === null ? [] : [`\`${command}\``])].join("\n\n").slice(0, 4096),
        color: COLOURS[severity],
        timestamp: at,
        ...(link !== null && { url: link }),
      },
    ],
  };
}

/** Discord would make a link of a bare URL, too. */
function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_{}[\]()#+!|~>@<]/g, "\\$&").replaceAll("://", ":\\//");
}
