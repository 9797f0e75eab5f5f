import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Generator } from "./load.ts";
import { createProcs, type Procs } from "./processes.ts";
import type { Table } from "./table.ts";

/** What the command line asked for. Times in seconds. */
export interface Options {
  readonly full: boolean;
  /** Pairs of ours and a peer. */
  readonly pairs: number;
  /** Of one run under full load. */
  readonly seconds: number;
  readonly profile: boolean;
  /** Shorter runs and smaller sizes: all that is usually run takes less than three minutes. */
  readonly short: boolean;
  /** Requests per second; null: as many as the case says. */
  readonly rate: number | null;
  /** Names of peers; null: all. */
  readonly peers: readonly string[] | null;
  /** How long a soak takes; null: as long as the case says. */
  readonly minutes: number | null;
  /** Names of curves; null: all. */
  readonly only: readonly string[] | null;
}

/** One invocation of the harness: what was asked, and what must be gone at its end. */
export interface Bench {
  readonly options: Options;
  readonly generator: Generator;
  readonly procs: Procs;
  /** A directory of its own, gone at the end. */
  folder(name: string): string;
  /** Progress, for who waits. */
  say(line: string): void;
  /** Stops every process by its id and removes every file. Twice is safe. */
  close(): Promise<void>;
  /** The same, without waiting. */
  abandon(): void;
}

export type ReportPart = { readonly caption: string } & ({ readonly table: Table } | { readonly text: string });

/** What a case found: for people, and for programs. */
export interface Report {
  readonly title: string;
  readonly parts: readonly ReportPart[];
  readonly notes: readonly string[];
  readonly figures: unknown;
  /** What was measured, with versions. */
  readonly versions: readonly string[];
}

export interface Case {
  readonly name: string;
  readonly about: string;
  /** What takes longer hangs; left out: as for most. */
  readonly limitMs?: number;
  run(bench: Bench): Promise<Report>;
}

export function openBench(options: Options, generator: Generator, say: Bench["say"]): Bench {
  const root = mkdtempSync(join(tmpdir(), "outrigger-bench-"));
  const procs = createProcs();
  let folders = 0;
  const remove = (): void => rmSync(root, { recursive: true, force: true });
  return {
    options,
    generator,
    procs,
    say,
    folder(name) {
      const path = join(root, `${++folders}-${name}`);
      mkdirSync(path);
      return path;
    },
    async close() {
      await procs.stopAll();
      remove();
    },
    abandon() {
      procs.killAll();
      remove();
    },
  };
}

/** A port of 127.0.0.1 that was free a moment ago, for programs that cannot pick one themselves. */
export function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer().on("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => done(port));
    });
  });
}
