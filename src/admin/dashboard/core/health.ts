/** Apps and their upstreams, as `/health/apps` and `/failover` tell of them. */

export interface UpstreamHealth {
  readonly upstream: string;
  readonly url: string;
  readonly priority: number;
  readonly weight: number;
  readonly active: boolean;
  readonly standing: "serving" | "away" | "returning";
  readonly since: string;
  readonly cause: string | null;
  readonly status: string;
  readonly well_since: string | null;
  readonly returns_at: string | null;
  readonly consecutive_failures: number;
  readonly samples: number;
  readonly response_ms: number | null;
  /** In percent. */
  readonly success_rate: number | null;
  readonly last_check: {
    readonly at: string;
    readonly status: string;
    readonly answered: boolean;
    readonly http_status: number;
    readonly duration_ms: number;
    readonly reason: string | null;
    readonly detail: string | null;
  } | null;
  /** The newest live call that failed. */
  readonly last_failure: {
    readonly at: string;
    readonly reason: string | null;
    readonly http_status: number;
    readonly detail: string | null;
  } | null;
}

export interface AppHealth {
  readonly app: string;
  readonly status: "healthy" | "degraded" | "unhealthy" | "unknown";
  readonly active: string | null;
  readonly pinned: { readonly upstream: string; readonly by: string; readonly at: string } | null;
  /** No upstream is well, and requests are tried all the same. */
  readonly panic: boolean;
  readonly upstreams: readonly UpstreamHealth[];
}

export interface RouteBreakers {
  readonly app: string;
  readonly capability: string;
  readonly open: boolean;
  readonly upstreams: readonly Breaker[];
}

export interface Breaker {
  readonly upstream: string;
  readonly state: "closed" | "half_open" | "open";
  readonly since: string;
  readonly until: string | null;
  /** Its time is over: the next call is its trial. */
  readonly trial_due?: boolean;
  readonly consecutive_failures: number;
  readonly window_total: number;
  readonly window_failures: number;
  readonly reopenings: number;
  readonly dry_run: boolean;
  readonly enabled: boolean;
}

/** What it means for callers that nobody is called; a route's mode is not known to all who say it. */
export const NOBODY_CALLED =
  "callers get the fallback or 503; those of an async route get 202, and its deliveries wait without spending attempts";

const CAUSES: Readonly<Record<string, string>> = {
  consecutive_failures: "failed several times in a row",
  response_time: "answers too slowly",
  success_rate: "too few good answers",
  hang: "hangs: takes calls and does not answer",
  probe: "failed its health check",
  recovered: "recovered",
  operator: "an operator said so",
  manifest: "the manifest changed",
};

export function causeText(cause: string): string {
  return CAUSES[cause] ?? cause.replaceAll("_", " ");
}

/** What is wrong with an app, in one sentence. */
export function troubleOf({ upstreams, panic, active, pinned }: AppHealth): string {
  const ill = upstreams.filter(({ status, standing }) => status !== "healthy" || standing !== "serving");
  const names = ill.map(({ upstream, cause, status }) => `${upstream} ${cause ? causeText(cause) : `is ${status}`}`);
  const served = panic || active === null ? "no upstream is well" : `${active} serves`;
  const by = pinned ? `, pinned by ${pinned.by}` : "";
  return `${names.join("; ")}${names.length > 0 ? " – " : ""}${served}${by}`;
}
