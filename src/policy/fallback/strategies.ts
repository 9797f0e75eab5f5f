import type { Clock } from "../../core/clock.ts";
import type { Random } from "../../core/random.ts";
import type { FallbackSettings } from "../../core/settings.route.ts";
import type { LastGoodStore } from "./last_good.store.ts";
import { lastGood } from "./last_good.ts";
import type { Later } from "./later.ts";
import { pendingApproval } from "./pending_approval.ts";
import { randomPick } from "./random_pick.ts";
import { spoolIt } from "./spool.ts";
import { staticAnswer } from "./static.ts";
import type { FallbackStrategy } from "./strategy.ts";

export type { FallbackAnswer, FallbackStrategy } from "./strategy.ts";

interface FallbackDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly later: Later;
  /** One a process: answers outlive a reload. */
  readonly lastGood: LastGoodStore;
}

/** Compiles the `fallback` list of a route, in its order. */
export function compileFallbacks(settings: readonly FallbackSettings[], deps: FallbackDeps): FallbackStrategy[] {
  return settings.map((one) => compileOne(one, deps));
}

function compileOne(settings: FallbackSettings, deps: FallbackDeps): FallbackStrategy {
  switch (settings.strategy) {
    case "static":
      return staticAnswer(settings);
    case "random_pick":
      return randomPick(settings, deps.random);
    case "pending_approval":
      return pendingApproval(settings, deps.later);
    case "last_good":
      return lastGood(settings, deps.lastGood, deps.clock);
    case "spool":
      return spoolIt(deps.later);
  }
}
