import { ALERT_METRICS, type Alert } from "../core/alert.ts";
import type { AlertChanged } from "../core/events.alert.ts";

/**
 * What is told of an alert: that it fires, again after each `repeatEveryMs` and never sooner, not even when it was over
 * in between; and that it is over, where its beginning was told and its rule and subject are still there. While it is
 * silenced, nothing.
 */
export function tell(
  was: Alert | undefined,
  alert: Alert,
  { now, repeatEveryMs }: { readonly now: number; readonly repeatEveryMs: number },
): { readonly next: Alert; readonly event: AlertChanged | null } {
  const silence = alert.silence !== null && alert.silence.until > now ? alert.silence : null;
  // A clock that was set back must not keep it quiet until that time comes again.
  const toldAt = alert.toldAt === null ? null : Math.min(alert.toldAt, now);
  const next = { ...alert, silence, toldAt };
  // Nothing was learnt of it now.
  if (alert === was) return { next, event: null };
  if (alert.phase === "firing") {
    if (silence !== null || (toldAt !== null && now - toldAt < repeatEveryMs)) return { next, event: null };
    return { next: { ...next, toldAt: now, told: true }, event: { type: "alert.firing", ...eventOf(next, now) } };
  }
  const ended = was?.phase === "firing" && alert.phase === "resolved";
  const { cause } = alert;
  const told = ended && alert.told && silence === null && cause !== null && cause !== "gone";
  const event = told ? ({ type: "alert.resolved", ...eventOf(next, now), cause } as const) : null;
  return { next: { ...next, told: false }, event };
}

function eventOf(alert: Alert, at: number) {
  const { id, rule, metric, app, capability, upstream, value, threshold, since, summary } = alert;
  const { unit } = ALERT_METRICS[metric];
  return { at, id, rule, metric, app, capability, upstream, value, threshold, unit, since, summary };
}
