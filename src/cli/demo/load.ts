import { type Clock, sleep } from "../../core/clock.ts";
import { headerValue } from "../../core/headers.ts";
import type { Caller, Hook, Seen } from "./caller.ts";
import { SERVED_BY } from "./toy-app.quiz.ts";

/** A call of a steady load. Times are monotonic milliseconds. */
export interface Timed {
  readonly startedAt: number;
  readonly endedAt: number;
  readonly seen: Seen;
  /** The port of the toy app that answered; null where none did. */
  readonly by: number | null;
}

/** Callers who come at a steady pace, whether those before them were answered or not, as the world's do. */
export interface Load {
  /** The calls that have ended, in the order of their ends. */
  readonly calls: readonly Timed[];
  /** Has every call ended that began before `at`? */
  endedBefore(at: number): boolean;
  /** No more calls; resolves when those under way have ended, which they do in time whatever happens. */
  stop(): Promise<void>;
}

export interface LoadOptions {
  readonly caller: Pick<Caller, "call">;
  readonly hook: (n: number) => Hook;
  readonly everyMs: number;
  readonly clock: Clock;
  /** Ends it too. */
  readonly signal: AbortSignal;
}

export function startLoad({ caller, hook, everyMs, clock, signal }: LoadOptions): Load {
  const calls: Timed[] = [];
  const open = new Map<number, { readonly startedAt: number; readonly ended: Promise<void> }>();
  let stopped = false;

  const one = async (n: number, startedAt: number): Promise<void> => {
    const seen = await caller.call(hook(n));
    const by = headerValue(seen.headers, SERVED_BY.toLowerCase());
    calls.push({ startedAt, endedAt: clock.now(), seen, by: by === undefined ? null : Number(by) });
    open.delete(n);
  };
  const run = async (): Promise<void> => {
    let dueAt = clock.now();
    for (let n = 0; !stopped && !signal.aborted; n++) {
      const startedAt = clock.now();
      open.set(n, { startedAt, ended: one(n, startedAt) });
      dueAt += everyMs;
      await sleep(clock, dueAt - clock.now());
    }
  };
  const running = run();
  return {
    calls,
    endedBefore: (at) => open.values().every(({ startedAt }) => startedAt >= at),
    async stop() {
      stopped = true;
      await running;
      await Promise.all([...open.values()].map(({ ended }) => ended));
    },
  };
}
