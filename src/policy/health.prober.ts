import type { Clock, Timer } from "../core/clock.ts";
import type { ProbeReport } from "../core/health.ts";
import type { Random } from "../core/random.ts";
import type { HealthSettings } from "../core/settings.ts";
import { isGood } from "./failover.signs.ts";

/** Asks one upstream how it is: now and then, soon again after a failure, and when somebody wants to know. */
export interface Prober {
  /** One probe, begun at once; where one is under way, that one. It may take `timeoutMs`. */
  ask(timeoutMs: number): Promise<ProbeReport>;
  /** Settings of a reload; the first ones begin the schedule. */
  configure(settings: HealthSettings, hasBackup: boolean): void;
  /** The row of failures that somebody was told of is over: another one is looked into as quickly as the first. */
  begin(): void;
  stop(): void;
}

export interface ProberDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** One probe on the wire; it never rejects and ends by itself. */
  readonly probe: (settings: HealthSettings, timeoutMs: number) => Promise<ProbeReport>;
  readonly onReport: (report: ProbeReport) => void;
}

/** This many failures in a row are an alert, so the third is looked for as quickly as the second. */
export const ALERT_AFTER = 3;

/**
 * Intervals are up to a tenth shorter than set, and the first of a single upstream is as much longer, so that the probes
 * of many apps do not come all at once.
 */
const SPREAD = 0.1;

/** A single upstream is asked after one interval first: there is nowhere to move, so nothing depends on it. */
export function createProber({ clock, random, probe, onReport }: ProberDeps): Prober {
  let settings: HealthSettings | null = null;
  let timer: Timer | null = null;
  let running: Promise<ProbeReport> | null = null;
  let failures = 0;
  let stopped = false;

  const again = (ms: number): void => {
    if (timer !== null) clock.cancel(timer);
    timer = stopped ? null : clock.after(ms, due, undefined);
  };

  function due(): void {
    timer = null;
    if (settings !== null) void ask(settings.timeoutMs);
  }

  function ask(timeoutMs: number): Promise<ProbeReport> {
    running ??= run(timeoutMs);
    return running;
  }

  async function run(timeoutMs: number): Promise<ProbeReport> {
    const own = settings as HealthSettings;
    if (timer !== null) clock.cancel(timer);
    timer = null;
    const report = await probe(own, timeoutMs);
    running = null;
    failures = isGood(report) ? 0 : failures + 1;
    if (stopped) return report;
    const { intervalMs, fastIntervalMs, unhealthyAfter } = settings as HealthSettings;
    const soon = failures > 0 && failures < Math.max(unhealthyAfter, ALERT_AFTER);
    again(soon ? Math.min(fastIntervalMs, intervalMs) : intervalMs * (1 - SPREAD * random.float()));
    onReport(report);
    return report;
  }

  return {
    ask,
    configure(given, hasBackup) {
      const first = settings === null;
      const changed = settings?.intervalMs !== given.intervalMs;
      settings = given;
      if (first)
        again(hasBackup ? random.float() * given.fastIntervalMs : given.intervalMs * (1 + SPREAD * random.float()));
      else if (changed && running === null) again(given.intervalMs * (1 - SPREAD * random.float()));
    },
    begin() {
      failures = 0;
    },
    stop() {
      stopped = true;
      if (timer !== null) clock.cancel(timer);
      timer = null;
    },
  };
}
