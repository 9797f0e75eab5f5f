import type { Clock } from "../../core/clock.ts";
import { num, type ToWall } from "./read.ts";
import type { Reply, RunScript } from "./scripts.ts";

/**
 * The store's own time in milliseconds, which all sidecars share: each goes on by its own monotonic clock, and moves up
 * to whoever is ahead, since every answer bears the time. No change of a wall clock moves it.
 */
export interface StoreTime {
  now(): number;
  /** Of an answer. */
  adopt(time: Reply | undefined): void;
  readonly wall: ToWall;
}

/** `serverMs`: what Redis's clock says; null asks it. */
export async function openTime(run: RunScript, clock: Clock, serverMs: number | null): Promise<StoreTime> {
  const [first] = await run("open", [serverMs ?? ""]);
  let base = num(first) - clock.now();
  const now = (): number => Math.round(base + clock.now());
  return {
    now,
    adopt(time) {
      const ahead = num(time) - now();
      if (ahead > 0) base += ahead;
    },
    wall: (time) => clock.wall() + time - now(),
  };
}
