import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "../../core/clock.ts";
import type { Random } from "../../core/random.ts";
import type { Io } from "../command.ts";
import type { Stage } from "./chapter.ts";
import { createNarrator } from "./narrator.ts";
import { startDemoRedis } from "./redis.ts";
import { startSidecar } from "./sidecar.ts";
import { startToyApp } from "./toy.ts";

/** What the process edge hands in. */
export interface Edge {
  readonly clock: Clock;
  readonly random: Random;
}

export interface OpenStage extends Stage {
  /** Outrigger's log. */
  readonly log: string;
  /** `work`, or a rejection as soon as something that was started dies or the person wants to end. */
  guard<T>(work: Promise<T>): Promise<T>;
  /** Ends all that was started, the last first. Rejects where something did not end in order. */
  close(options: { readonly keepFiles: boolean }): Promise<void>;
}

/** Makes a directory of the demo's own, and keeps account of all that is started. */
export async function openStage(io: Io, { clock, random }: Edge): Promise<OpenStage> {
  const dir = await mkdtemp(join(tmpdir(), "outrigger-demo-"));
  // Not beside the manifest, whose folder Outrigger watches.
  const logs = join(dir, "logs");
  await mkdir(logs);
  const log = join(logs, "outrigger.log");
  const ended = new AbortController();
  const signal = AbortSignal.any([io.signal, ended.signal]);
  const closers: (() => Promise<void>)[] = [];

  const aborted = new Promise<never>((_, reject) => {
    const end = (): void => reject(signal.reason as Error);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
  // With nobody waiting, an end is no unhandled error.
  aborted.catch(() => undefined);

  const onDeath = (how: string): void => ended.abort(new Error(how));
  // What is still starting when the demo ends is waited for and ended too.
  const keep = <T>(starting: Promise<T>, end: (started: T) => Promise<void>): Promise<T> => {
    closers.push(() => starting.then(end, () => undefined));
    return starting;
  };

  return {
    clock,
    random,
    signal,
    log,
    say: createNarrator(io),
    toyApp(secret, port = 0) {
      signal.throwIfAborted();
      return keep(startToyApp({ secret, port, env: io.env, clock, onDeath }), (app) => app.kill());
    },
    async sidecar(text, name = "") {
      const home = join(dir, name);
      await mkdir(home, { recursive: true });
      const manifest = join(home, "outrigger.yaml");
      await writeFile(manifest, text);
      signal.throwIfAborted();
      return keep(startSidecar({ manifest, log, env: io.env, clock, signal, onDeath }), (sidecar) => sidecar.stop());
    },
    async redis() {
      const home = join(dir, "redis");
      await mkdir(home);
      signal.throwIfAborted();
      return keep(startDemoRedis({ dir: home, log: join(logs, "redis.log"), env: io.env, clock, onDeath }), (redis) =>
        redis.stop(),
      );
    },
    guard: (work) => Promise.race([work, aborted]),
    async close({ keepFiles }) {
      ended.abort(new Error("the demo is over"));
      const problems: unknown[] = [];
      for (const close of closers.splice(0).reverse()) await close().catch((error: unknown) => problems.push(error));
      if (!keepFiles && problems.length === 0) await rm(dir, { recursive: true, force: true });
      if (problems.length > 0) throw problems[0];
    },
  };
}
