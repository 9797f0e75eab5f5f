import type { Message } from "../message.ts";

/** A message as mail: the same in plain text and in HTML. */
export interface MailText {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

export function mailText(message: Message): MailText {
  const { title, sentences, command, link, room } = message;
  const paragraphs = [...sentences, ...(room === null ? [] : [`Room: ${room}`])];
  const text = [...paragraphs, ...(command === null ? [] : [`    ${command}`]), ...(link === null ? [] : [link])];
  const html = [
    `<h3>${escapeHtml(title)}</h3>`,
    ...paragraphs.map((one) => `<p>${escapeHtml(one)}</p>`),
    ...(command === null ? [] : [`<pre>${escapeHtml(command)}</pre>`]),
    ...(link === null ? [] : [`<p><a href="${escapeHtml(link)}">${escapeHtml(link)}</a></p>`]),
  ];
  return {
    subject: `[outrigger] ${title}`,
    text: `${text.join("\n\n")}\n`,
    html: `<!doctype html><meta charset="utf-8">${html.join("\n")}\n`,
  };
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
