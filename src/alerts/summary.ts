import { ALERT_METRICS, type AlertMetricInfo, type AlertRule, type AlertUnit } from "../core/alert.ts";
import type { Reading } from "./port.ts";

/** What an alert says to people. */

/** As in `quiz/winner: success rate 80 % is below 95 %, over 1h (120 calls)`. */
export function troubleText(rule: AlertRule, reading: Reading, value: number, threshold: number): string {
  const { unit, words, any, sampled }: AlertMetricInfo = ALERT_METRICS[rule.metric];
  const bound =
    any && rule.below === null && rule.above === null
      ? ""
      : ` is ${isBelow(rule, value) ? "below" : "above"} ${amount(threshold, unit)}`;
  const over = rule.overMs === null ? "" : `, over ${span(rule.overMs)}`;
  const calls = sampled ? ` (${reading.samples} ${reading.samples === 1 ? "call" : "calls"})` : "";
  const note = reading.note === null ? "" : `; ${reading.note}`;
  return `${subjectText(reading)}: ${words} ${amount(value, unit)}${bound}${over}${calls}${note}`;
}

/** As in `quiz/winner: success rate is 99 % again`. */
export function wellText(rule: AlertRule, reading: Reading, value: number): string {
  const { unit, words }: AlertMetricInfo = ALERT_METRICS[rule.metric];
  return `${subjectText(reading)}: ${words} ${amount(value, unit)}, well again`;
}

export function quietText(rule: AlertRule, reading: Reading): string {
  return `${subjectText(reading)}: too few calls to say anything of the ${ALERT_METRICS[rule.metric].words}`;
}

function subjectText({ app, capability, upstream }: Reading): string {
  if (app === null) return "all apps";
  return `${app}${capability === null ? "" : `/${capability}`}${upstream === null ? "" : ` on ${upstream}`}`;
}

/** Is it this side of the rule that is crossed? */
function isBelow({ below }: AlertRule, value: number): boolean {
  return below !== null && value < below;
}

function amount(value: number, unit: AlertUnit): string {
  if (unit === "ms") return span(value);
  const text = String(Math.round(value * 100) / 100);
  return unit === "percent" ? `${text} %` : text;
}

const UNITS: readonly (readonly [ms: number, unit: string])[] = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "m"],
  [1000, "s"],
];

/** As in `1h`, `5.3s`, `12ms`: the largest unit that leaves a whole part, to a tenth. */
function span(ms: number): string {
  const [size, unit] = UNITS.find(([least]) => ms >= least) ?? [1, "ms"];
  return `${Math.round((ms / size) * 10) / 10}${unit}`;
}
