import { createApps } from "../../src/app/apps.ts";
import type { PlanDeps } from "../../src/app/plans.ts";
import { createUpstreams } from "../../src/app/upstreams.ts";
import type { Clock } from "../../src/core/clock.ts";
import { createMemoryLedger } from "../../src/core/memory.ts";
import { createBreakers } from "../../src/policy/breaker.ts";
import { createLastGoodStore } from "../../src/policy/fallback/last_good.store.ts";
import { createIdempotencyKeys } from "../../src/policy/idempotency.keys.ts";
import { createAnswerStore } from "./answer-store.ts";
import { createSeededRandom } from "./seeded-random.ts";

/** What plans are made of, with nothing behind it that stores or watches. */
export function createPlanDeps(clock: Clock) {
  const apps = createApps(clock);
  const breakers = createBreakers({ clock, emit: () => undefined, persist: () => undefined });
  const upstreams = createUpstreams({ clock }, "0.0.0");
  const deps: PlanDeps = {
    clock,
    random: createSeededRandom(1),
    memory: createMemoryLedger(1_000_000),
    breakers,
    upstreams,
    failovers: { of: () => null },
    lastGood: createLastGoodStore(),
    later: () => ({ keep: async () => null, cancel: () => undefined }),
    verifyCall: () => undefined,
    idempotency: { answers: createAnswerStore(clock), claims: null, keys: createIdempotencyKeys() },
    appState: apps.state,
    planned: () => undefined,
  };
  return { deps, apps, breakers, upstreams };
}
