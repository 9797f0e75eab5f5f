import { shortly } from "../core/clock.ts";
import type { Deliverer } from "../spool/deliverer.ts";

/**
 * Tells the deliverer of jobs that were put, those of a millisecond together: under a load of a few thousand a second
 * each would be claimed alone, which costs several times as much as it does among others.
 */
export function joinQueued(tell: Deliverer["queued"]): Deliverer["queued"] {
  let put: Parameters<typeof tell>[0][] = [];
  const tellAll = (): void => {
    const told = put;
    put = [];
    for (const job of told) tell(job);
  };
  return ({ app, capability, sends }) => {
    if (put.length === 0) shortly(tellAll);
    // Not the job itself, whose body nobody counts any more.
    put.push({ app, capability, sends });
  };
}
