import { Gauge, type Registry } from "prom-client";
import type { DeadReason, JobState } from "../core/job.ts";
import { type Count, counterFamily, type Family, histogramFamily, type Sample } from "./metrics.family.ts";

/** What a scrape asks for, since it changes by itself and is no event. */
export interface MetricSources {
  readonly build: { readonly version: string; readonly node: string };
  /** Every breaker there is now. */
  breakers(): Iterable<BreakerGauge>;
  /** Requests being worked on now, by app. */
  inFlight(): Iterable<readonly [app: string, requests: number]>;
  /** How each app and its upstreams are. */
  apps(): Iterable<AppGauge>;
  /** Of each rule in force, how many alerts fire. */
  alerts(): Iterable<{ readonly rule: string; readonly alerts: number }>;
  /** What the spool holds. Rejects where it does not answer: then its series are left out. */
  spool(): Promise<SpoolGauges>;
}

export interface SpoolGauges {
  readonly states: Readonly<Record<JobState, number>>;
  readonly bytes: number;
  readonly oldestAgeMs: number | null;
  readonly routes: readonly {
    readonly app: string;
    readonly capability: string;
    readonly dead: Readonly<Partial<Record<DeadReason, number>>>;
  }[];
}

export interface AppGauge {
  readonly app: string;
  readonly upstreams: readonly {
    readonly upstream: string;
    readonly standing: string;
    readonly status: string;
    readonly active: boolean;
  }[];
}

export interface BreakerGauge {
  readonly app: string;
  readonly capability: string;
  readonly upstream: string;
  readonly state: "closed" | "half_open" | "open";
}

/** Every counter and histogram of ours, by the names of the contract. */
export interface Families {
  readonly requests: Family<Count>;
  readonly duration: Family<Sample>;
  readonly attempts: Family<Count>;
  readonly attemptDuration: Family<Sample>;
  readonly overhead: Family<Sample>;
  readonly retries: Family<Count>;
  readonly denied: Family<Count>;
  readonly fallbacks: Family<Count>;
  readonly transitions: Family<Count>;
  readonly rejected: Family<Count>;
  readonly reloads: Family<Count>;
  readonly deliveries: Family<Count>;
  readonly verifications: Family<Count>;
  readonly lag: Family<Sample>;
  readonly commit: Family<Sample>;
  readonly batch: Family<Sample>;
  readonly notifications: Family<Count>;
  readonly failovers: Family<Count>;
  readonly failoverTime: Family<Sample>;
}

export interface Gauges {
  readonly manifest: Gauge<"revision" | "hash">;
}

/** To the end of the longest life of a job, by default. */
const LAG_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 86_400];
const COMMIT_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5];
const BATCH_JOBS = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500];
/** From a fast answer on the same machine to the longest sync timeout of 30 s. */
const WEBHOOK_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 15, 30];
/** Ours is microseconds; the tail shows a busy event loop. */
const OVERHEAD_SECONDS = [0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1];

const STATE_VALUE = { closed: 0, half_open: 1, open: 2 } as const;

export function defineFamilies(): Families {
  const counter = (name: string, help: string): Family<Count> => counterFamily(`outrigger_${name}`, help);
  const seconds = (name: string, help: string, bounds = WEBHOOK_SECONDS): Family<Sample> =>
    histogramFamily(`outrigger_${name}`, help, bounds);
  return {
    requests: counter("requests_total", "Requests by what became of them."),
    duration: seconds("request_duration_seconds", "Whole time of a request, as its caller saw it."),
    attempts: counter("attempts_total", "Tries by what they were worth."),
    attemptDuration: seconds("attempt_duration_seconds", "Time of one try at an upstream."),
    overhead: seconds("overhead_seconds", "Time of Outrigger itself in a request.", OVERHEAD_SECONDS),
    retries: counter("retries_total", "Repeats made, by what they answered to."),
    denied: counter("retries_denied_total", "Repeats wanted and not made, by why not."),
    fallbacks: counter("fallbacks_total", "Answers by a fallback."),
    transitions: counter("breaker_transitions_total", "Moves of a breaker."),
    rejected: counter("rejected_total", "Requests refused, with an empty app where no route was known."),
    reloads: counter("manifest_reloads_total", "Reloads of the manifest, by whether it was applied or rejected."),
    deliveries: counter("deliveries_total", "Deliveries by what became of them: queued, delivered, retry or dead."),
    verifications: counter(
      "verifications_total",
      "Good answers by what they proved to be: verified, failed or unverified.",
    ),
    lag: seconds("delivery_lag_seconds", "From the acceptance of a delivery to the app's good answer.", LAG_SECONDS),
    commit: seconds("spool_commit_seconds", "How long a commit of the spool took.", COMMIT_SECONDS),
    batch: seconds("spool_batch_jobs", "How many new jobs shared a commit, of those that had any.", BATCH_JOBS),
    failovers: counter("failovers_total", "Moves of traffic, away and back, empty where there is no upstream."),
    failoverTime: seconds("failover_seconds", "From the first sign of trouble to the move away."),
    notifications: counter("notifications_total", "Notifications by what became of them: sent, failed or dropped."),
  };
}

/** The gauges; those of `sources` are asked anew at each scrape, so that what is gone leaves no series behind. */
export function defineGauges(registry: Registry, sources: MetricSources): Gauges {
  const registers = [registry];
  new Gauge({
    name: "outrigger_build_info",
    help: "The program and its runtime: always 1.",
    labelNames: ["version", "node"],
    registers,
  }).set(sources.build, 1);
  new Gauge({
    name: "outrigger_breaker_state",
    help: "State of each breaker: 0 closed, 1 half-open, 2 open.",
    labelNames: ["app", "capability", "upstream"],
    registers,
    collect() {
      this.reset();
      for (const { app, capability, upstream, state } of sources.breakers())
        this.set({ app, capability, upstream }, STATE_VALUE[state]);
    },
  });
  new Gauge({
    name: "outrigger_in_flight",
    help: "Requests being worked on now.",
    labelNames: ["app"],
    registers,
    collect() {
      this.reset();
      for (const [app, requests] of sources.inFlight()) this.set({ app }, requests);
    },
  });
  new Gauge({
    name: "outrigger_alerts_firing",
    help: "Alerts that fire now, silenced ones too.",
    labelNames: ["rule"],
    registers,
    collect() {
      this.reset();
      for (const { rule, alerts } of sources.alerts()) this.set({ rule }, alerts);
    },
  });
  defineHealthGauges(registry, sources);
  defineSpoolGauges(registry, sources);
  return {
    manifest: new Gauge({
      name: "outrigger_manifest_info",
      help: "The manifest that runs: always 1.",
      labelNames: ["revision", "hash"],
      registers,
    }),
  };
}

function defineHealthGauges(registry: Registry, sources: MetricSources): void {
  const labelNames = ["app", "upstream"] as const;
  const active = new Gauge({
    name: "outrigger_upstream_active",
    help: "1 for the upstream that requests go to first, else 0.",
    labelNames,
    registers: [registry],
  });
  new Gauge({
    name: "outrigger_upstream_healthy",
    help: "1 for an upstream that serves and is not unhealthy, else 0.",
    labelNames,
    registers: [registry],
    collect() {
      this.reset();
      active.reset();
      for (const { app, upstreams } of sources.apps()) {
        for (const one of upstreams) {
          const healthy = one.standing === "serving" && one.status !== "unhealthy";
          this.set({ app, upstream: one.upstream }, healthy ? 1 : 0);
          active.set({ app, upstream: one.upstream }, one.active ? 1 : 0);
        }
      }
    },
  });
}

/** One survey serves all of them in a scrape. */
function defineSpoolGauges(registry: Registry, sources: MetricSources): void {
  const registers = [registry];
  const bytes = new Gauge({ name: "outrigger_spool_bytes", help: "Bytes of the spool in use.", registers });
  const age = new Gauge({
    name: "outrigger_spool_oldest_age_seconds",
    help: "Age of the oldest delivery that has not ended; 0 without any.",
    registers,
  });
  const dead = new Gauge({
    name: "outrigger_dlq_jobs",
    help: "Dead letters.",
    labelNames: ["app", "capability", "reason"],
    registers,
  });
  const jobs: Gauge<"state"> = new Gauge({
    name: "outrigger_spool_jobs",
    help: "Deliveries by state.",
    labelNames: ["state"],
    registers,
    async collect() {
      dead.reset();
      const found = await sources.spool().catch(() => null);
      if (found === null) return jobs.reset();
      for (const [state, n] of Object.entries(found.states)) jobs.set({ state }, n);
      bytes.set(found.bytes);
      age.set((found.oldestAgeMs ?? 0) / 1000);
      for (const { app, capability, dead: byReason } of found.routes) {
        for (const [reason, n] of Object.entries(byReason)) dead.set({ app, capability, reason }, n);
      }
    },
  });
}
