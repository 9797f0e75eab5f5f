import type { Command as Program } from "commander";

/** The world as a command sees it: nothing here reads the process, so a test hands in its own. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Is a person looking at stdout? Then colour and tables that fit them are fine. */
  readonly isTTY: boolean;
  /** How many characters a line of that terminal has; null where there is none. */
  readonly columns: number | null;
  /** And at stderr? Then progress is shown there. */
  readonly isErrTTY: boolean;
  /** Bytes to stdout; resolves once they are taken, so that what is streamed is not held. */
  readonly write: (chunk: Uint8Array) => Promise<void>;
  readonly stdin: () => AsyncIterable<Uint8Array>;
  /** Absolute: what relative paths on the command line are relative to. */
  readonly cwd: string;
  /** Aborted when the person wants the command to end (SIGINT, SIGTERM): for those that would run for ever. */
  readonly signal: AbortSignal;
}

/** 0: done; 1: the command found a problem; 2: wrong usage. */
export type ExitCode = 0 | 1 | 2;

/** One command, a file each: it adds its arguments and options to the program, and `settle`s with an exit code. */
export interface Command {
  readonly name: string;
  register(program: Program, io: Io, settle: (code: ExitCode) => void): void;
}

/** Says what was wrong with how a command was called, and what to try: `return usage(io, …)`. */
export function usage(io: Io, wrong: string, hint: string): 2 {
  io.stderr(`error: ${wrong}\n${hint}\n`);
  return 2;
}

/** The manifest a command reads: `-c`, else OUTRIGGER_CONFIG, else the file that ships. */
export function manifestPath(io: Io, option: string | undefined): string {
  return option ?? io.env.OUTRIGGER_CONFIG ?? "config/outrigger.yaml";
}

/** The `-c` option of every command that reads a manifest: one spelling, one text. */
export const CONFIG_OPTION = [
  "-c, --config <file>",
  "the manifest (default: $OUTRIGGER_CONFIG or config/outrigger.yaml)",
] as const;

const RED = 31;
const GREEN = 32;
const YELLOW = 33;
const BOLD = 1;
const DIM = 2;

/** Colours for a terminal; plain text for pipes, files and NO_COLOR (no-color.org). */
export function paint(io: Io): Readonly<Record<"red" | "green" | "yellow" | "bold" | "dim", (text: string) => string>> {
  const on = io.isTTY && !io.env.NO_COLOR;
  const as = (code: number) => (text: string) => (on ? `\u001b[${code}m${text}\u001b[0m` : text);
  return { red: as(RED), green: as(GREEN), yellow: as(YELLOW), bold: as(BOLD), dim: as(DIM) };
}
