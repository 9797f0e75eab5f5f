import { resolve } from "node:path";
import { CONFIG_OPTION, type Command, type ExitCode, type Io, manifestPath } from "./command.ts";

/** The running sidecar, as the command holds it. */
export interface Running {
  /** Where it listens, as bound. */
  readonly proxy: string;
  readonly admin: string;
  /** Resolves when requests may come; while it has not, `waits` says what for. */
  readonly ready: Promise<void>;
  waits(): readonly string[];
  reload(by: string): Promise<unknown>;
  /** Answers what is under way, then closes everything. Twice is safe. */
  stop(): Promise<void>;
}

export type Start = (
  file: string,
  env: Io["env"],
) => Promise<
  { readonly ok: true; readonly value: Running } | { readonly ok: false; readonly error: readonly string[] }
>;

/** What the process is told from outside, beside the signal that ends it. */
export interface ServeSignals {
  /** Calls `fn` at each SIGHUP from now on. Until then one would end the process. */
  onHangup(fn: () => void): void;
}

/** `serve`: runs until it is told to end. `start` is the composition root, handed in by the process edge. */
export function serveCommand(start: Start, signals: ServeSignals): Command {
  return {
    name: "serve",
    register(program, io, settle) {
      program
        .command("serve")
        .description('run the sidecar: its log on stdout, with one line {"event":"ready",…} when it is ready')
        .option(...CONFIG_OPTION)
        .action(async (options: { readonly config?: string }) => {
          settle(await serve(resolve(io.cwd, manifestPath(io, options.config)), io, start, signals));
        });
    },
  };
}

async function serve(file: string, io: Io, start: Start, signals: ServeSignals): Promise<ExitCode> {
  let running: Running | null = null;
  let hungUp = false;
  signals.onHangup(() => {
    if (running === null) hungUp = true;
    else void running.reload("signal");
  });
  const started = await start(file, io.env);
  if (!started.ok) {
    for (const problem of started.error) io.stderr(`${problem}\n`);
    io.stderr(`outrigger did not start. After mending, try: outrigger check ${file}\n`);
    return 1;
  }
  running = started.value;
  const { proxy, admin } = running;
  for (const reason of running.waits()) io.stderr(`not ready yet: ${reason}\n`);
  await Promise.race([running.ready, aborted(io.signal)]);
  if (!io.signal.aborted) io.stdout(`${JSON.stringify({ event: "ready", proxy, admin })}\n`);
  // The file may have been read before the signal came.
  if (hungUp) void running.reload("signal");
  await aborted(io.signal);
  await running.stop();
  return 0;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done();
    else signal.addEventListener("abort", () => done(), { once: true });
  });
}
