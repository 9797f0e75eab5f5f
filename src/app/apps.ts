import type { Clock } from "../core/clock.ts";
import type { AppSettings } from "../core/settings.ts";
import { createTokenBucket, type TokenBucket } from "../policy/limit.ts";

/** What an app keeps through reloads. */
export interface AppState {
  /** Takes a token of the rate limit: 0, or milliseconds until there is one. Null without a limit. */
  readonly takeToken: ((now: number) => number) | null;
  readonly inFlight: { count: number };
}

/** Keeps the state of apps by name. */
export interface Apps {
  state(app: AppSettings): AppState;
  /** Requests under way, by app. */
  inFlight(): ReadonlyMap<string, number>;
  /** Forgets apps that are not named and have nothing under way. */
  retain(names: ReadonlySet<string>): void;
}

export function createApps(clock: Clock): Apps {
  const kept = new Map<string, { readonly inFlight: { count: number }; bucket: TokenBucket | null }>();
  return {
    state(app) {
      let own = kept.get(app.name);
      if (own === undefined) {
        own = { inFlight: { count: 0 }, bucket: null };
        kept.set(app.name, own);
      }
      const now = clock.now();
      if (app.rateLimit === null) own.bucket = null;
      else if (own.bucket === null) own.bucket = createTokenBucket(app.rateLimit, now);
      else own.bucket.configure(app.rateLimit, now);
      const { bucket, inFlight } = own;
      return { inFlight, takeToken: bucket === null ? null : (at) => bucket.take(at) };
    },
    inFlight: () => new Map([...kept].map(([name, own]) => [name, own.inFlight.count])),
    retain(names) {
      for (const [name, own] of kept) if (!names.has(name) && own.inFlight.count === 0) kept.delete(name);
    },
  };
}
