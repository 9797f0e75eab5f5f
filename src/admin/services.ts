import type { Clock } from "../core/clock.ts";
import type { Listener } from "../core/events.ts";
import type { AppHealth } from "../core/health.ts";
import type { JobQuery, JobState, JobSummary, ParkCause, RouteName, StoredJob } from "../core/job.ts";
import type { Random } from "../core/random.ts";
import type { RedisStatus } from "../core/redis.status.ts";
import type { Result } from "../core/result.ts";
import type {
  NewAudit,
  Page,
  PageRequest,
  StoredAudit,
  StoredMove,
  StoredRevision,
  VerificationRates,
} from "../core/stored.ts";
import type { AlertAdmin } from "./services.alerts.ts";
import type { CallService } from "./services.calls.ts";
import type { ExplainRequest, ExplainResult } from "./services.explain.ts";
import type { NotificationService } from "./services.notifications.ts";

/**
 * What the admin listener asks of the running service: a narrow port that the composition root fills. Everything is
 * asked anew for each request, so a reload needs no word to this side. Times are Unix milliseconds.
 */
export interface AdminServices {
  readonly clock: Clock;
  readonly random: Random;
  /** Who may come in. The same array for as long as nothing changes. */
  tokens(): readonly AdminToken[];
  /** Names of `admin.allowed_hosts`, lower case, without port. */
  allowedHosts(): readonly string[];
  ready(): Readiness;
  /** One scrape. */
  metrics(): Promise<{ readonly contentType: string; readonly body: string }>;
  status(): ServiceStatus;
  /** The routes of the running manifest, in any order. */
  routes(): readonly RouteInfo[];
  readonly breakers: BreakerService;
  readonly failover: FailoverService;
  readonly deliveries: DeliveryService;
  /** What good answers proved to be, of each route that verified any lately. Rejects while the history is away. */
  verification(): Promise<readonly VerificationRates[]>;
  readonly calls: CallService;
  readonly alerts: AlertAdmin;
  readonly manifest: ManifestService;
  readonly notifications: NotificationService;
  /** The bus: the event stream is fed from it. */
  readonly events: { on(listener: Listener): () => void };
  /** Replaces the secrets of the running manifest in a text that is to be shown. */
  readonly mask: (text: string) => string;
  readonly audit: {
    /** Keeps an entry; never throws, nobody waits for it. */
    add(entry: NewAudit): void;
    list(page: PageRequest): Promise<Page<StoredAudit>>;
  };
  /** Told of bugs: an exception that became a 500. */
  onError(error: unknown): void;
}

export type Role = "viewer" | "operator";

export interface AdminToken {
  readonly name: string;
  readonly role: Role;
  readonly token: string;
}

export interface Readiness {
  readonly ready: boolean;
  /** Why not, one clause each; empty when ready. */
  readonly reasons: readonly string[];
}

export interface ServiceStatus {
  readonly version: string;
  /** Of the runtime, as in `v26.10.0`. */
  readonly node: string;
  readonly startedAt: number;
  /** Where it listens, as bound. */
  readonly listen: { readonly proxy: string; readonly admin: string };
  /** Requests being worked on, by app; apps without any may be missing. */
  readonly inFlight: ReadonlyMap<string, number>;
  /** null where the manifest has no use for it. */
  readonly redis: RedisStatus | null;
}

export interface RouteInfo {
  readonly app: string;
  readonly capability: string;
  readonly mode: "sync" | "async" | "passthrough";
  readonly match: {
    readonly path: string;
    /** null stands for every one. */
    readonly methods: readonly string[] | null;
    readonly host: string | null;
    readonly headers: readonly (readonly [name: string, value: string])[];
  };
  readonly timeoutMs: number;
  readonly attempts: number;
  /** Strategies in order; empty is `none`. */
  readonly fallback: readonly string[];
  /** URLs without credentials. */
  readonly upstreams: readonly { readonly name: string; readonly url: string; readonly priority: number }[];
}

/** One breaker: of a route on one upstream. */
export interface BreakerInfo {
  readonly app: string;
  readonly capability: string;
  readonly upstream: string;
  readonly state: "closed" | "half_open" | "open";
  readonly since: number;
  /** When the next trial may start; null unless open. */
  readonly until: number | null;
  readonly consecutiveFailures: number;
  readonly windowTotal: number;
  readonly windowFailures: number;
  readonly reopenings: number;
  readonly dryRun: boolean;
  readonly enabled: boolean;
}

/** Open, but over its time: it admits the next call, as a trial. `wall`: Unix milliseconds now. */
export function isTrialDue({ state, until }: Pick<BreakerInfo, "state" | "until">, wall: number): boolean {
  return state === "open" && until !== null && until <= wall;
}

/** `disabled`: the route's manifest says `enabled: false`, so it cannot be opened. */
export type BreakerChange = "done" | "no_route" | "disabled";

export interface BreakerService {
  /** Every breaker of the running manifest, in any order. */
  list(): readonly BreakerInfo[];
  /** Closes the breakers of a route on all its upstreams and forgets their counts. `by` names the token. */
  reset(app: string, capability: string, by: string): BreakerChange;
  /** Opens them for `forMs`, or for their usual recovery. */
  trip(app: string, capability: string, by: string, forMs?: number): BreakerChange;
}

/** `single`: the app has one upstream, so there is nowhere to switch to. */
export type SwitchChange = "done" | "unknown_app" | "unknown_upstream" | "single";

/** The apps of the running manifest, how they are and where their traffic goes. */
export interface FailoverService {
  /** One entry an app, also of those with one upstream; in any order. */
  list(): readonly AppHealth[];
  find(app: string): AppHealth | null;
  /** Newest first; of all apps where `app` is null. Rejects while the history does not answer. */
  moves(page: PageRequest & { readonly app: string | null }): Promise<Page<StoredMove>>;
  /** Pins the traffic of an app to one of its upstreams, until it is released. `by` names the token. */
  switchTo(app: string, upstream: string, by: string): Promise<SwitchChange>;
  /** Lets the app's health choose again. */
  release(app: string, by: string): Promise<"done" | "unknown_app" | "not_pinned">;
}

/** How a change to jobs is called: in the audit log, as in `dlq.retry`. */
export type DeliveryAct = "retry" | "resend" | "cancel" | "delete";

/** Jobs of the spool. Every promise rejects with `DeliveriesAway` where the spool does not answer: 503. */
export interface DeliveryService {
  list(query: JobQuery): Promise<Page<JobSummary>>;
  find(id: string): Promise<StoredJob | null>;
  /** Does it to those of `ids` it can be done to, and returns them as they were before. `by` names the token. */
  change(act: DeliveryAct, ids: readonly string[], by: string): Promise<readonly JobSummary[]>;
  /** Puts exported jobs into the dead-letter queue, under the ids they had; false for an id that is there already. */
  import(job: StoredJob): Promise<boolean>;
  survey(): Promise<SpoolInfo>;
  /** Parks a route, or with null all routes of an app, until `resume`; null where the manifest has no such. */
  pause(app: string, capability: string | null, by: string): Parking | null;
  /** Also resumes a route that was parked by 410 answers. A route of an app that is paused goes on waiting. */
  resume(app: string, capability: string | null, by: string): Parking | null;
  /**
   * Writes a copy of the whole spool into a new file beside it and returns its path: the caller removes it. Null where
   * the spool is in Redis, which is copied there.
   */
  backup(): Promise<string | null>;
}

/** What is so after a pause or a resume. */
export interface Parking {
  readonly paused: boolean;
  /** The whole app is. */
  readonly appPaused: boolean;
}

/** The spool itself did not answer: a full disk, a thread that is started again. */
export class DeliveriesAway extends Error {}

export interface SpoolInfo {
  readonly states: Readonly<Record<JobState, number>>;
  readonly bytes: number;
  readonly maxBytes: number;
  readonly maxJobs: number;
  readonly full: "jobs" | "bytes" | null;
  readonly oldestAgeMs: number | null;
  /** Routes with jobs, or parked; those of no manifest too. */
  readonly routes: readonly SpoolRouteInfo[];
}

export interface SpoolRouteInfo extends RouteName {
  /** Waiting, due or not. */
  readonly queued: number;
  readonly leased: number;
  readonly verifying: number;
  readonly dead: number;
  /** Why its jobs wait although they are due; null where they do not. */
  readonly parked: { readonly cause: ParkCause; readonly since: number; readonly by: string | null } | null;
}

/** A problem of a manifest, as `outrigger check` prints it. */
export interface ProblemInfo {
  /** Empty for an environment variable. */
  readonly file: string;
  readonly line: number;
  readonly col: number;
  readonly path: string;
  readonly message: string;
  readonly severity: "error" | "warning";
}

export interface ManifestService {
  current(): {
    readonly revision: number;
    readonly hash: string;
    readonly appliedAt: number;
    readonly by: string;
    readonly warnings: readonly ProblemInfo[];
    /** As JSON text, secrets as `***`: of 10,000 routes ten megabytes, kept compressed. */
    readonly manifest: () => Promise<string>;
  };
  /** The last reload, where it was refused: when, by whom, and why, a line each; null once one went well. */
  rejection(): { readonly at: number; readonly by: string; readonly problems: readonly string[] } | null;
  /** What a reload would find if `text` stood in the running file. Changes nothing. No errors: it would be applied. */
  validate(text: string): readonly ProblemInfo[] | Promise<readonly ProblemInfo[]>;
  /** Reads the file again. A refusal leaves everything as it was and says why, a line each. */
  reload(by: string): Promise<Result<{ readonly revision: number }, readonly string[]>>;
  revisions(page: PageRequest): Promise<Page<StoredRevision>>;
  /** What a revision resolved to, as JSON, secrets as `***`; null for one that is unknown, or too old to be kept. */
  revision(revision: number): Promise<string | null>;
  explain(request: ExplainRequest): ExplainResult;
}
