import type { Clock } from "../core/clock.ts";
import type { UpstreamHealthChanged } from "../core/events.health.ts";
import type { ProbeReport } from "../core/health.ts";
import type { Random } from "../core/random.ts";
import type { AppSettings, HealthSettings, UpstreamSettings } from "../core/settings.ts";
import { createHealthCell, type HealthCell, type KeptCell } from "./failover.cell.ts";
import { createHangWatch, type HangWatch } from "./failover.hang.ts";
import { countProbe, createTally } from "./failover.signs.ts";
import { ALERT_AFTER, createProber, type Prober } from "./health.prober.ts";

/** One upstream of an app, with all that is known of its health. It lives as long as manifests name it. */
export interface UpstreamMember {
  settings: UpstreamSettings;
  readonly cell: KeptCell;
  readonly watch: HangWatch;
  readonly prober: Prober;
  /** The newest probe, and when by the wall clock. */
  probe: (ProbeReport & { readonly at: number }) | null;
  /** It was said to be down. */
  down: boolean;
  /** `Clock.now()` of when it was last written down. */
  savedAt: number;
  /** Other replicas were told that it is unwell. */
  objects: boolean;
  /** As of now. */
  readonly health: () => HealthSettings;
}

export interface Handle {
  readonly health: HealthCell;
  readonly watch: HangWatch;
}

export interface MemberDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly probe: (upstream: UpstreamSettings, settings: HealthSettings, timeoutMs: number) => Promise<ProbeReport>;
}

/** What the app's failover wants to hear. */
export interface MemberHooks {
  readonly app: () => AppSettings;
  readonly look: (member: UpstreamMember, now: number) => void;
  /** A live try of it went well, though its newest probe did not. */
  readonly answered: (member: UpstreamMember, now: number) => void;
  readonly tried: (member: UpstreamMember, generation: number, good: boolean, ms: number | null, now: number) => void;
  readonly probed: (member: UpstreamMember, report: ProbeReport, now: number) => void;
  readonly hangs: (member: UpstreamMember, sentAt: number) => void;
}

export function createMember(settings: UpstreamSettings, hooks: MemberHooks, deps: MemberDeps): UpstreamMember {
  const { clock } = deps;
  const { app } = hooks;
  const cell = createHealthCell(createTally(app().failover.windowMs, clock.now()), {
    look: (now) => hooks.look(member, now),
    answered: (now) => hooks.answered(member, now),
    tried: (generation, good, ms, now) => hooks.tried(member, generation, good, ms, now),
    slowMs: () => app().failover.maxResponseTimeMs,
  });
  const prober = createProber({
    ...deps,
    probe: (health, timeoutMs) => deps.probe(member.settings, health, timeoutMs),
    onReport(report) {
      const now = clock.now();
      member.probe = { ...report, at: clock.wall() };
      if (report.answered) watch.alive(now);
      countProbe(cell.tally, report, app().health.unhealthyAfter, now);
      hooks.probed(member, report, now);
    },
  });
  const watch = createHangWatch({
    clock,
    // As of now, each time it is read.
    rules: {
      get hangAfterMs() {
        return app().failover.hangAfterMs;
      },
      get windowMs() {
        return app().failover.windowMs;
      },
      get probeTimeoutMs() {
        return app().health.timeoutMs;
      },
    },
    probe: prober.ask,
    onHang: (sentAt) => hooks.hangs(member, sentAt),
  });
  const member: UpstreamMember = {
    settings,
    cell,
    watch,
    prober,
    probe: null,
    down: false,
    savedAt: Number.NEGATIVE_INFINITY,
    objects: false,
    health: () => app().health,
  };
  return member;
}

export function stopMember({ prober, watch }: UpstreamMember): void {
  prober.stop();
  watch.stop();
}

/** What a try of it reads and tells. */
export function handleOf({ cell, watch }: UpstreamMember): Handle {
  return { health: cell, watch };
}

/** What the others hear of it: it went down, came up, or has failed so often that somebody should be told. */
export function healthEvent(
  app: string,
  { settings, cell, probe, down }: UpstreamMember,
  at: number,
): UpstreamHealthChanged {
  const onlyLive = down && probe?.status !== "unhealthy";
  // Nobody answered its last check, and yet no check failed as far as is known now: a call ended their row.
  const byCall = !down && probe?.answered === false && cell.tally.probeFailures === 0;
  return {
    type: down ? "upstream.down" : "upstream.up",
    at,
    app,
    upstream: settings.name,
    url: settings.url,
    // A check asks for little: an app may answer it well and fail what it is for.
    status: onlyLive ? "unhealthy" : byCall ? "healthy" : (probe?.status ?? "unknown"),
    consecutiveFailures: cell.failures,
    alert: down && cell.failures >= ALERT_AFTER,
    detail: onlyLive ? liveDetail(cell.failures, probe !== null) : byCall ? ANSWERED : (probe?.detail ?? null),
  };
}

const ANSWERED = "a live call went well since its last check failed";

function liveDetail(failures: number, checked: boolean): string {
  const calls = failures > 1 ? `${failures} live calls in a row failed` : "live calls failed";
  return checked ? `${calls}, though its last check did not` : calls;
}
