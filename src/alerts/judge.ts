import {
  ALERT_METRICS,
  type Alert,
  type AlertEnd,
  type AlertMetricInfo,
  type AlertRule,
  type AlertSubject,
} from "../core/alert.ts";
import type { AlertChanged } from "../core/events.alert.ts";
import type { Reading } from "./port.ts";
import { quietText, troubleText, wellText } from "./summary.ts";
import { tell } from "./tell.ts";

/**
 * Judges what was measured by the rules: a pure function of both, of the alerts as they were, and of the time.
 *
 * An alert is one rule about one subject. It is pending while the trouble is younger than the rule's `for`; then it
 * fires, until it is well. Fewer samples than `min_samples` say nothing: it stays what it was. Only when that lasts for
 * as long as the rule measures it is over, since nothing of what was measured is left.
 *
 * What is told of it is in tell.ts.
 */

/** Alerts by id. */
export type Alerts = ReadonlyMap<string, Alert>;

export interface Check {
  readonly rules: readonly AlertRule[];
  /** By the name of the rule; null or missing: its source does not answer, and its alerts stay as they are. */
  readonly readings: ReadonlyMap<string, readonly Reading[] | null>;
  readonly repeatEveryMs: number;
  /** Unix milliseconds. */
  readonly now: number;
}

export interface Judged {
  readonly alerts: Alerts;
  readonly events: readonly AlertChanged[];
  /** New alerts that were let alone, since there are {@link MAX_ALERTS} already. */
  readonly refused: number;
}

/** Held at once; more trouble than this is one trouble. Those that are over make room for new ones. */
export const MAX_ALERTS = 10_000;
/** How long an alert that is over is shown. */
const SHOWN_MS = 24 * 3_600_000;

export function judge(check: Check, before: Alerts): Judged {
  const { now } = check;
  const after = new Map<string, Alert>();
  const events: AlertChanged[] = [];
  let refused = 0;
  const keep = (was: Alert | undefined, alert: Alert): void => {
    const { next, event } = tell(was, alert, check);
    if (event !== null) events.push(event);
    if (!isPast(next, check)) after.set(next.id, next);
  };
  let room = MAX_ALERTS;
  for (const { phase } of before.values()) if (phase !== "resolved") room--;
  const away = new Set<string>();
  for (const rule of check.rules) {
    const readings = check.readings.get(rule.name) ?? null;
    if (readings === null) away.add(rule.name);
    for (const reading of readings ?? []) {
      const id = alertId(rule, reading);
      const was = before.get(id);
      // Of the same name and yet another: the rule was written anew.
      const alert = judgeOne(rule, reading, was?.metric === rule.metric ? was : null, { id, now });
      if (alert === null) continue;
      if (alert.phase === "resolved" || (was !== undefined && was.phase !== "resolved")) keep(was, alert);
      else if (room > 0) {
        room--;
        keep(was, alert);
      } else refused++;
    }
  }
  for (const was of before.values()) {
    if (after.has(was.id)) continue;
    const alert = away.has(was.rule) ? was : end(was, "gone", now);
    if (alert !== null) keep(was, alert);
  }
  dropOldest(after);
  return { alerts: after, events, refused };
}

/** Names an alert. Of the names in it only that of an upstream may hold a colon, and it stands last. */
export function alertId({ name }: Pick<AlertRule, "name">, { app, capability, upstream }: AlertSubject): string {
  return [name, app, capability, upstream].filter((part) => part !== null).join(":");
}

interface At {
  readonly id: string;
  readonly now: number;
}

/** What one reading makes of an alert, or of none. */
function judgeOne(rule: AlertRule, reading: Reading, was: Alert | null, { id, now }: At): Alert | null {
  const { value, app, capability, upstream } = reading;
  const { sampled }: AlertMetricInfo = ALERT_METRICS[rule.metric];
  if (value === null || (sampled && reading.samples < rule.minSamples)) {
    if (was === null || now - was.knownAt < (rule.overMs ?? 0)) return was;
    return end({ ...was, summary: quietText(rule, reading) }, "too_few_samples", now);
  }
  const threshold = crossed(rule, value);
  if (threshold === null) {
    if (was === null || was.phase === "resolved") return was;
    return end({ ...was, knownAt: now, value, summary: wellText(rule, reading, value) }, "recovered", now);
  }
  const fired = was?.phase === "firing";
  const began = was === null || was.phase === "resolved" ? now : was.since;
  const since = Math.min(fired ? began : (reading.since ?? began), now);
  const firing = fired || now - since >= (rule.forMs ?? 0);
  return {
    ...{ id, rule: rule.name, metric: rule.metric, app, capability, upstream },
    phase: firing ? "firing" : "pending",
    since,
    firedAt: firing && !fired ? now : (was?.firedAt ?? null),
    resolvedAt: firing ? null : (was?.resolvedAt ?? null),
    cause: firing ? null : (was?.cause ?? null),
    toldAt: was?.toldAt ?? null,
    told: was?.told ?? false,
    knownAt: now,
    value,
    threshold,
    summary: troubleText(rule, reading, value, threshold),
    silence: was?.silence ?? null,
  };
}

/** The bound that a value is beyond; null where it is well. */
function crossed({ below, above }: AlertRule, value: number): number | null {
  if (below !== null && value < below) return below;
  if (above !== null && value > above) return above;
  return below === null && above === null && value > 0 ? 0 : null;
}

/** Over. One that was only pending is as if it had never been; where it had fired before, that is what is left. */
function end(alert: Alert, cause: AlertEnd, now: number): Alert | null {
  if (alert.phase === "resolved") return alert;
  if (alert.phase === "firing") return { ...alert, phase: "resolved", resolvedAt: now, cause };
  if (alert.resolvedAt === null && alert.silence === null) return null;
  return { ...alert, phase: "resolved", resolvedAt: alert.resolvedAt ?? now, cause: alert.cause ?? cause };
}

/** Long over, with nothing about it that still counts. */
function isPast({ phase, resolvedAt, toldAt, silence }: Alert, { now, repeatEveryMs }: Check): boolean {
  if (phase !== "resolved" || silence !== null) return false;
  return now - (resolvedAt ?? 0) >= SHOWN_MS && (toldAt === null || now - toldAt >= repeatEveryMs);
}

function dropOldest(alerts: Map<string, Alert>): void {
  const excess = alerts.size - MAX_ALERTS;
  if (excess <= 0) return;
  const over = [...alerts.values()].filter(({ phase }) => phase === "resolved");
  over.sort((a, b) => (a.resolvedAt ?? 0) - (b.resolvedAt ?? 0));
  for (const { id } of over.slice(0, excess)) alerts.delete(id);
}
