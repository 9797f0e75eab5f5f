import { globSync, readFileSync } from "node:fs";
import { fencedBlocks } from "./fenced.ts";

/** What the pages for people say to do: their commands, and their manifests. */

export const PAGES: readonly string[] = ["README.md", "docs/README.md", ...globSync("docs/guides/*.md").toSorted()];

/** One line of a shell block. */
export interface ShellLine {
  readonly page: string;
  /** As it stands, without its comment. */
  readonly line: string;
  /** `NAME=value` before the command. */
  readonly env: Readonly<Record<string, string>>;
  /** The command and its arguments, quotes taken off. In a checkout and elsewhere it is `outrigger`. */
  readonly words: readonly string[];
}

/** Every line of every `sh` block of a page, in order. */
export function shellLines(page: string): ShellLine[] {
  return fencedBlocks(page)
    .filter(({ language }) => language === "sh")
    .flatMap(({ text }) => text.split("\n"))
    .map((line) => line.replace(/(?:^|\s)#\s.*$/, "").trim())
    .filter((line) => line !== "")
    .map((line) => {
      const all = wordsOf(line.replace(/^npm run -s outrigger -- /, "outrigger "));
      const first = all.findIndex((word) => !/^\w+=/.test(word));
      const env = all.slice(0, first).map((word) => word.split(/=(.*)/s).slice(0, 2));
      return { page, line, env: Object.fromEntries(env), words: all.slice(first) };
    });
}

/** As a POSIX shell splits a line that holds plain words and quoted ones, and nothing that it would expand. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)].map(([word]) =>
    word.replace(/"([^"]*)"|'([^']*)'/g, (_, double?: string, single?: string) => double ?? single ?? ""),
  );
}

/** `outrigger …` in running text, as the words after it. */
export function inlineCommands(page: string): string[][] {
  const prose = readFileSync(page, "utf8").replace(/^```[\s\S]*?^```$/gm, "");
  return [...prose.matchAll(/`outrigger ([^`]+)`/g)].map(([, words = ""]) => words.split(/\s+/));
}
