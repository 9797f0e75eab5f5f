import type { Clock } from "../../core/clock.ts";
import { type Caller, createCaller, type Hook, type Seen } from "./caller.ts";
import type { Sidecar } from "./sidecar.ts";

/** What stands before several sidecars: it calls each in its turn, and the next one where one is gone. */
export interface Balancer extends Pick<Caller, "call"> {
  /** The sidecar of a name, or in its place the next one that had died. */
  use(name: string, sidecar: Sidecar): void;
  /** One call to the sidecar of a name, whatever becomes of it. */
  callAt(name: string, hook: Hook): Promise<Seen>;
  /** Calls that found nobody, or were cut off, and were made again. */
  readonly again: number;
  /** Of the calls answered with 202, how many by each. */
  readonly accepted: ReadonlyMap<string, number>;
}

export function createBalancer(clock: Clock, signal: AbortSignal): Balancer {
  const callers = new Map<string, Caller>();
  const accepted = new Map<string, number>();
  let turn = 0;
  let again = 0;
  const at = (name: string): Caller => {
    const caller = callers.get(name);
    if (caller === undefined) throw new Error(`no sidecar ${name}`);
    return caller;
  };
  const close = (): void => {
    for (const caller of callers.values()) caller.close();
  };
  signal.addEventListener("abort", close, { once: true });
  return {
    use(name, sidecar) {
      callers.get(name)?.close();
      callers.set(name, createCaller(sidecar.proxy, clock, signal));
    },
    callAt: (name, hook) => at(name).call(hook),
    async call(hook) {
      const startedAt = clock.now();
      const names = [...callers.keys()];
      const first = turn++;
      for (let tries = 1; ; tries++) {
        const name = names[(first + tries) % names.length] ?? "";
        const seen = await at(name).call(hook);
        if (seen.status === 202) accepted.set(name, (accepted.get(name) ?? 0) + 1);
        // What its caller waited is the time of all tries.
        if (seen.lost === null || tries === names.length || signal.aborted)
          return { ...seen, ms: clock.now() - startedAt };
        again++;
      }
    },
    get again() {
      return again;
    },
    accepted,
  };
}
