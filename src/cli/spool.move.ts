import { resolve } from "node:path";
import type { Command as Program } from "commander";
import type { Result } from "../core/result.ts";
import { jobsText } from "./amount.ts";
import { CONFIG_OPTION, type ExitCode, type Io, manifestPath, usage } from "./command.ts";
import { createProgress } from "./progress.ts";

const DRIVERS = ["sqlite", "redis"] as const;
type Driver = (typeof DRIVERS)[number];

/** Moves the spool of a stopped sidecar; handed in by the process edge. */
export type MoveSpool = (order: {
  readonly file: string;
  readonly env: Io["env"];
  readonly from: Driver;
  readonly to: Driver;
  readonly progress: (done: number, all: number) => void;
}) => Promise<Result<{ readonly jobs: number; readonly keys: number; readonly answers: number }, readonly string[]>>;

interface MoveFlags {
  readonly from: string;
  readonly to: string;
  readonly config?: string;
  readonly json?: true;
}

/** `spool move`: lossless, from one store into the other, while no sidecar runs. */
export function registerMove(spool: Program, io: Io, settle: (code: ExitCode) => void, move: MoveSpool): void {
  spool
    .command("move")
    .description("carry every job into the other store, while no sidecar runs; cut off, it is simply begun again")
    .requiredOption("--from <driver>", "sqlite or redis")
    .requiredOption("--to <driver>", "sqlite or redis")
    .option(...CONFIG_OPTION)
    .option("--json", "for programs: one JSON document")
    .action(async (flags: MoveFlags) => settle(await run(io, flags, move)));
}

async function run(io: Io, flags: MoveFlags, move: MoveSpool): Promise<ExitCode> {
  const from = DRIVERS.find((name) => name === flags.from);
  const to = DRIVERS.find((name) => name === flags.to);
  if (from === undefined || to === undefined || from === to)
    return usage(
      io,
      `the spool can't be moved from ${flags.from} to ${flags.to}`,
      "Try: outrigger spool move --from sqlite --to redis",
    );
  const file = resolve(io.cwd, manifestPath(io, flags.config));
  const progress = createProgress(io);
  const moved = await move({
    file,
    env: io.env,
    from,
    to,
    progress: (done, all) => progress.show(barText(done, all)),
  });
  progress[Symbol.dispose]();
  if (!moved.ok) {
    for (const problem of moved.error) io.stderr(`${problem}\n`);
    io.stderr("nothing was lost: what had been copied is known, and the same command goes on\n");
    return 1;
  }
  const { jobs, keys, answers } = moved.value;
  if (flags.json) io.stdout(`${JSON.stringify(moved.value, null, 2)}\n`);
  else
    io.stdout(
      `${jobsText(jobs)}, ${keys} idempotency keys and ${answers} answers moved from ${from} to ${to}; now set spool.driver: ${to}\n`,
    );
  return 0;
}

const BAR = 24;

function barText(done: number, all: number): string {
  const share = all === 0 ? 1 : Math.min(1, done / all);
  const full = Math.floor(share * BAR);
  return `${"█".repeat(full)}${"░".repeat(BAR - full)} ${Math.floor(share * 100)} % ${done} of ${jobsText(all)}`;
}
