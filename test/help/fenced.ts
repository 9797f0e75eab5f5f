import { readFileSync } from "node:fs";

/** A fenced block of a Markdown page: its language, the words after it, its text. */
export interface Fenced {
  readonly language: string;
  readonly info: string;
  readonly text: string;
}

/** All fenced blocks of a page (CommonMark 0.31, section 4.5), in order. */
export function fencedBlocks(file: string): Fenced[] {
  return [...readFileSync(file, "utf8").matchAll(/^```(\S+)(?: (.*))?\n([\s\S]*?)^```$/gm)].map(
    ([, language = "", info = "", text = ""]) => ({ language, info, text }),
  );
}
