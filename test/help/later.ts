import type { Exchange } from "../../src/core/exchange.ts";
import type { Later } from "../../src/policy/fallback/later.ts";

/** A way into the spool that keeps account: what was left behind, and what was taken back. */
export interface TestLater extends Later {
  readonly kept: Exchange[];
  readonly cancelled: string[];
}

/** `take` says what becomes of each: its id, or null where it can't be kept. */
export function createLater(take: (x: Exchange) => string | null | Promise<string | null> = () => "d1"): TestLater {
  const kept: Exchange[] = [];
  const cancelled: string[] = [];
  return {
    kept,
    cancelled,
    async keep(x) {
      const id = await take(x);
      if (id !== null) kept.push(x);
      return id;
    },
    cancel: (id) => void cancelled.push(id),
  };
}
