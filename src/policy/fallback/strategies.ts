import type { Clock } from "../../core/clock.ts";
import type { Random } from "../../core/random.ts";
import type { FallbackSettings } from "../../core/settings.route.ts";
import type { LastGoodStore } from "./last_good.store.ts";
import { lastGood } from "./last_good.ts";
import { pendingApproval } from "./pending_approval.ts";
import { randomPick } from "./random_pick.ts";
import { staticAnswer } from "./static.ts";
import type { FallbackStrategy } from "./strategy.ts";

export type { FallbackAnswer, FallbackStrategy } from "./strategy.ts";

interface FallbackDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** One a process: answers outlive a reload. */
  readonly lastGood: LastGoodStore;
}

/** Compiles the `fallback` list of a route, in its order. `spool` is no answer without a spool and is left out. */
export function compileFallbacks(settings: readonly FallbackSettings[], deps: FallbackDeps): FallbackStrategy[] {
  const strategies: FallbackStrategy[] = [];
  for (const one of settings) {
    const strategy = compileOne(one, deps);
    if (strategy !== null) strategies.push(strategy);
  }
  return strategies;
}

function compileOne(settings: FallbackSettings, deps: FallbackDeps): FallbackStrategy | null {
  switch (settings.strategy) {
    case "static":
      return staticAnswer(settings);
    case "random_pick":
      return randomPick(settings, deps.random);
    case "pending_approval":
      return pendingApproval(settings);
    case "last_good":
      return lastGood(settings, deps.lastGood, deps.clock);
    case "spool":
      return null;
  }
}
