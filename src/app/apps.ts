import type { Clock } from "../core/clock.ts";
import type { AppSettings } from "../core/settings.ts";
import { createTokenBucket, type TokenBucket } from "../policy/limit.ts";
import { createSchemaBudgets, type SchemaBudget } from "../policy/response.schema.budget.ts";

/** What an app keeps through reloads. */
export interface AppState {
  /** Takes a token of the rate limit: 0, or milliseconds until there is one. Null without a limit. */
  readonly takeToken: ((now: number) => number) | null;
  readonly inFlight: { count: number };
  /** Time for checks of its answers that may be slow. */
  readonly schemaBudget: SchemaBudget;
}

/** Keeps the state of apps by name. */
export interface Apps {
  /** For a plan of a manifest that comes: what is in force stays as it is until `retain`. */
  state(app: AppSettings): AppState;
  /** Requests under way, by app. */
  inFlight(): ReadonlyMap<string, number>;
  /** A manifest is in force: its rate limits hold, and apps that it does not name and that have nothing under way are forgotten. */
  retain(apps: readonly AppSettings[]): void;
}

interface Kept extends Pick<AppState, "inFlight" | "schemaBudget"> {
  bucket: TokenBucket | null;
}

export function createApps(clock: Clock): Apps {
  const kept = new Map<string, Kept>();
  const createBudget = createSchemaBudgets(clock);
  return {
    state(app) {
      let own = kept.get(app.name);
      if (own === undefined) {
        own = { inFlight: { count: 0 }, schemaBudget: createBudget(), bucket: null };
        kept.set(app.name, own);
      }
      if (app.rateLimit !== null) own.bucket ??= createTokenBucket(app.rateLimit, clock.now());
      const { inFlight, schemaBudget } = own;
      const bucket = app.rateLimit === null ? null : own.bucket;
      return { inFlight, schemaBudget, takeToken: bucket === null ? null : (at) => bucket.take(at) };
    },
    inFlight: () => new Map([...kept].map(([name, own]) => [name, own.inFlight.count])),
    retain(apps) {
      const named = new Map(apps.map((app) => [app.name, app]));
      const now = clock.now();
      for (const [name, own] of kept) {
        const app = named.get(name);
        if (app === undefined && own.inFlight.count === 0) kept.delete(name);
        if (app?.rateLimit === null) own.bucket = null;
        else if (app !== undefined) own.bucket?.configure(app.rateLimit, now);
      }
    },
  };
}
