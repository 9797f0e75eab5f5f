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
  state(app: AppSettings): AppState;
  /** Requests under way, by app. */
  inFlight(): ReadonlyMap<string, number>;
  /** Forgets apps that are not named and have nothing under way. */
  retain(names: ReadonlySet<string>): void;
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
      const now = clock.now();
      if (app.rateLimit === null) own.bucket = null;
      else if (own.bucket === null) own.bucket = createTokenBucket(app.rateLimit, now);
      else own.bucket.configure(app.rateLimit, now);
      const { bucket, inFlight, schemaBudget } = own;
      return { inFlight, schemaBudget, takeToken: bucket === null ? null : (at) => bucket.take(at) };
    },
    inFlight: () => new Map([...kept].map(([name, own]) => [name, own.inFlight.count])),
    retain(names) {
      for (const [name, own] of kept) if (!names.has(name) && own.inFlight.count === 0) kept.delete(name);
    },
  };
}
