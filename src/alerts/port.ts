import type { AlertRule, AlertSubject } from "../core/alert.ts";
import type { RouteName } from "../core/job.ts";

/** What alerts ask of the other services. */

/** What was measured of one subject of a rule. */
export interface Reading extends AlertSubject {
  /** In the unit of the metric; null where there is nothing to measure. */
  readonly value: number | null;
  /** How many single results it is made of; of a metric that is of none, 0. */
  readonly samples: number;
  /** Since when it has been so, where that is known for certain; Unix milliseconds. */
  readonly since: number | null;
  /** What people should know beside it, as in `most of quiz/report: 240`. */
  readonly note: string | null;
}

/**
 * Every subject of the rule, one reading each, also those that are well: an alert about a subject that is not among
 * them is about something that is gone. null where the source does not answer: then nothing is known.
 */
export type Gather = (rule: AlertRule) => Promise<readonly Reading[] | null>;

/** Where readings come from. A promise that rejects stands for a source that does not answer. */
export interface AlertSources {
  /** The routes and apps of the running manifest. */
  routes(): readonly RouteName[];
  apps(): readonly AppReading[];
  breakers(): readonly BreakerReading[];
  spool(): Promise<SpoolReading>;
  /** Moves of traffic away from an upstream that was in trouble, newest first. */
  moves(fromMs: number): Promise<readonly { readonly app: string; readonly note: string }[]>;
  /** What good answers proved to be, from the whole hour on in which `fromMs` is. */
  verifications(fromMs: number): Promise<readonly VerificationReading[]>;
  /** Of each route that was called. */
  calls(fromMs: number, toMs: number): Promise<readonly CallReading[]>;
}

export interface AppReading {
  readonly app: string;
  readonly upstreams: readonly { readonly upstream: string; readonly consecutiveFailures: number }[];
}

export interface BreakerReading extends RouteName {
  readonly upstream: string;
  readonly state: "closed" | "half_open" | "open";
  readonly since: number;
  /** When the next trial may start; null unless open. Unix milliseconds. */
  readonly until: number | null;
  /** How often it reopened without closing. */
  readonly reopenings: number;
  /** It only watches. */
  readonly dryRun: boolean;
}

export interface SpoolReading {
  readonly oldestAgeMs: number | null;
  readonly routes: readonly (RouteName & { readonly waiting: number; readonly dead: number })[];
}

export interface VerificationReading extends RouteName {
  readonly verified: number;
  readonly failed: number;
  readonly unverified: number;
}

export interface CallReading extends RouteName {
  /** Calls that say something about the app. */
  readonly samples: number;
  /** Percent; null where nothing is known, as are the durations in milliseconds. */
  readonly successRate: number | null;
  readonly timeoutRate: number | null;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}
