import { ALERT_METRIC_NAMES } from "../core/alert.ts";
import { block, checkName, choice, duration, list, number, scalar, shown, text } from "./schema.parts.ts";
import { durationOrNull } from "./schema.values.ts";

/** The rules of alerts: in the manifest, and the same where an operator sets others at run time. */

const bound = (description: string) =>
  scalar(
    {
      anyOf: [{ type: "number" }, { type: "string" }],
      description: `${description} A number, or a duration for times.`,
    },
    (v, fail): number => {
      if (typeof v === "number" && Number.isFinite(v)) return v;
      return durationOrNull(v) ?? fail(`expected a number or a duration, got ${shown(v)}`);
    },
  );

const names = (description: string, one: string) => list(description, text(one, checkName), 1000);

export const alertRules = list(
  "Instead of the default rules.",
  block(
    "One rule.",
    { name: text("Its name.", checkName), metric: choice("What is measured.", ALERT_METRIC_NAMES) },
    {
      below: bound("Trouble is what is less."),
      above: bound("Trouble is what is more."),
      over: duration("The time measured. Default 1h.", 1000),
      for: duration("How long it must hold."),
      min_samples: number("Fewer calls say nothing. Default 0.", 0, 1_000_000_000),
      apps: names("Only these apps.", "An app."),
      capabilities: names("Only these capabilities.", "A capability."),
    },
  ),
  1000,
  0,
);

export const alerts = block(
  "When to raise an alarm.",
  {},
  {
    interval: duration("How often the rules are looked at. Default 5m.", 1000, 86_400_000),
    repeat_every: duration("The same alert is not sent again sooner. Default 1h.", 1000),
    rules: alertRules,
  },
);
