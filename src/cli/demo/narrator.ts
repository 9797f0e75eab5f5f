import { STATUS_CODES } from "node:http";
import { headerValue } from "../../core/headers.ts";
import { type Io, paint } from "../command.ts";
import type { Seen } from "./caller.ts";
import { type Promised, tally } from "./score.ts";

/** Tells the demo to a person: short lines, aligned, at most 80 columns, colour only on a terminal. */
export interface Narrator {
  /** The first line. */
  title(text: string): void;
  /** A plain line, or an empty one. */
  line(text?: string): void;
  /** Begins a numbered scene. */
  scene(number: number, heading: string): void;
  /** One thing seen: who called, what they got, how long it took. */
  row(label: string, fact: string, time?: string): void;
  /** Text as a program prints or sends it. */
  quote(lines: readonly string[]): void;
  /** A command, and what it printed: what is wider than the page goes on below. */
  command(typed: string, printed: string): void;
  /** The first column is a label, the others are numbers. */
  table(head: readonly string[], rows: readonly (readonly string[])[]): void;
  /** Each promise with what was measured, kept or broken. */
  promises(promised: readonly Promised[]): void;
}

const WIDTH = 80;
const LABEL = 25;
const FACT = 29;
const QUOTE = WIDTH - 5;

export function createNarrator(io: Io): Narrator {
  const { bold, dim, green, red } = paint(io);
  const line = (text = ""): void => io.stdout(`${text.trimEnd()}\n`);
  return {
    title: (text) => line(bold(text)),
    line,
    scene: (number, heading) => line(`\n${bold(`${number}. ${heading}`)}`),
    row: (label, fact, time) => {
      const start = `   ${label.padEnd(LABEL)}`;
      // Slow answers have long times: then these begin further left.
      const room = Math.min(FACT, WIDTH - start.length - (time?.length ?? 0) - 1);
      line(time === undefined ? `${start}${fact}` : `${start}${fact.padEnd(room)} ${dim(time)}`);
    },
    quote: (lines) => {
      for (const text of lines) line(text === "" ? "" : dim(`     ${text}`));
    },
    command: (typed, printed) => {
      line(`     $ ${typed}`);
      for (const text of folded(printed.trimEnd().split("\n"))) line(dim(`     ${text}`));
    },
    table: (head, rows) => {
      const widths = head.map((_, i) => Math.max(...[head, ...rows].map((cells) => cells[i]?.length ?? 0)));
      const put = (cells: readonly string[]): string =>
        `   ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  ")}`;
      line(dim(put(head)));
      for (const row of rows) line(put(row));
    },
    promises: (promised) => {
      for (const { what, measured, held } of promised) {
        const mark = held ? green("kept  ") : red("BROKEN");
        const room = WIDTH - 10 - what.length;
        // What was measured is longer where something went wrong: then it has a line of its own.
        if (measured.length < room) line(`   ${mark} ${what}${measured.padStart(room)}`);
        else line(`   ${mark} ${what}\n          ${measured}`);
      }
    },
  };
}

/** A table that is too wide goes on below itself, further in: cut where every line has a blank, if there is such a place. */
function folded(lines: readonly string[]): readonly string[] {
  if (lines.every((text) => text.length <= QUOTE)) return lines;
  let at = QUOTE;
  while (at > 2 && lines.some((text) => (text[at] ?? " ") !== " ")) at--;
  if (at <= 2) at = QUOTE;
  const rest = lines.map((text) => `  ${text.slice(at).trimEnd()}`);
  const blanks = Math.min(...rest.filter((text) => text.trim() !== "").map((text) => text.search(/\S/)));
  return [
    ...lines.map((text) => text.slice(0, at).trimEnd()),
    ...folded(rest.map((text) => `  ${text.slice(blanks)}`)),
  ];
}

/** Milliseconds as people read them: `0.8 ms`, `12 ms`, `1004 ms`. */
export function msText(ms: number): string {
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

/** How fast these answers came. */
export function speed(seen: readonly Seen[]): string {
  const { calls, p50Ms, p99Ms } = tally(seen);
  if (calls === 0) return "";
  return calls < 100 ? `p50 ${msText(p50Ms)}` : `p50 ${msText(p50Ms)}, p99 ${msText(p99Ms)}`;
}

/** Why the app's own answer was not to be had, and how often: `connect 6, breaker_open 144`. */
export function reasonsText(seen: readonly Seen[]): string {
  const counts = Map.groupBy(seen, ({ reason }) => reason);
  return [...counts].map(([reason, those]) => `${reason || "none"} ${those.length}`).join(", ");
}

/** The headers that say what became of a call. */
const TELLING = ["Outrigger-Outcome", "Outrigger-Spooled", "Proxy-Status", "Retry-After", "Location", "Content-Type"];

/** An answer as its caller received it: the status, the headers that tell, the body; long lines are cut. */
export function answerText(seen: Seen | undefined): readonly string[] {
  if (seen === undefined) return ["(no call had such an answer)"];
  const headers = TELLING.flatMap((name) => {
    const value = headerValue(seen.headers, name.toLowerCase());
    return value === undefined ? [] : [`${name}: ${value}`];
  });
  const lines = [`HTTP/1.1 ${seen.status} ${STATUS_CODES[seen.status] ?? ""}`, ...headers, seen.body.toString()];
  return lines.map((text) => (text.length > QUOTE ? `${text.slice(0, QUOTE - 1)}…` : text));
}
