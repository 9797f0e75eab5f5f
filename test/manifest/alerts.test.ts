import fc from "fast-check";
import { expect, test } from "vitest";
import { ALERT_METRIC_NAMES, ALERT_METRICS, type AlertRule } from "../../src/core/alert.ts";
import { readAlertRules } from "../../src/manifest/prove.alerts.ts";
import { writtenAlertRule } from "../../src/manifest/resolve.alerts.ts";

/** Rules of alerts outside a manifest: as the API takes and shows them, and as they are kept. */

const context = {
  apps: [{ name: "quiz" }],
  routes: [{ capability: "winner" }],
  history: { retainMs: 7 * 86_400_000 },
} as unknown as Parameters<typeof readAlertRules>[1];

const read = (written: unknown) => readAlertRules(written, context);
const said = (written: unknown) => read(written).issues.map(({ path, message }) => `${path.join(".")}: ${message}`);

test("rules are read with their defaults, and what was read is left as it was", () => {
  const written = [{ name: "slow", metric: "p95", above: "5s", apps: ["quiz"], capabilities: ["winner"] }];
  const before = structuredClone(written);
  expect(read(written)).toEqual({
    rules: [
      {
        name: "slow",
        metric: "p95",
        below: null,
        above: 5000,
        overMs: 3_600_000,
        forMs: null,
        minSamples: 0,
        apps: ["quiz"],
        capabilities: ["winner"],
      },
    ],
    issues: [],
  });
  expect(written).toEqual(before);
});

test("everything wrong is told of, with where it is, and no rule is taken", () => {
  expect(said([{ name: "a b", metric: "p9", abov: 1 }, "low", null])).toEqual([
    expect.stringContaining("0.name: "),
    expect.stringContaining("did you mean p95?"),
    expect.stringContaining("0.abov: unknown key"),
    expect.stringContaining("1: expected a map"),
    expect.stringContaining("2: expected a map"),
  ]);
  for (const rubbish of [null, {}, "rules", 7]) expect(read(rubbish).issues.length).toBeGreaterThan(0);
  expect(read([{ name: "x", metric: "p95" }, { name: "y" }]).rules).toEqual([]);
});

test("what rules promise is proved as in the manifest", () => {
  expect(
    said([
      { name: "a", metric: "dlq_size", above: 1, apps: ["shop"] },
      { name: "a", metric: "p50", above: 1, over: "8d" },
      { name: "b", metric: "timeout_rate" },
    ]),
  ).toEqual([
    "1.name: a second one named a",
    "0.apps.0: there is no app shop; known: quiz",
    "1.over: history.retain keeps 7d only",
    "2.metric: timeout_rate needs a bound: below or above, or both",
  ]);
});

test("without a manifest the names may be any, since those that were kept must not depend on it", () => {
  const { rules, issues } = readAlertRules([{ name: "a", metric: "dlq_size", above: 1, apps: ["shop"] }], null);
  expect([rules.length, issues]).toEqual([1, []]);
});

const rule = fc
  .record({
    metric: fc.constantFrom(...ALERT_METRIC_NAMES),
    above: fc.integer({ min: 51, max: 100 }),
    below: fc.option(fc.integer({ min: 0, max: 50 })),
    overMs: fc.integer({ min: 1000, max: 86_400_000 }),
    forMs: fc.option(fc.integer({ min: 1, max: 86_400_000 })),
    minSamples: fc.integer({ min: 0, max: 1000 }),
  })
  .map(({ metric, overMs, ...more }): AlertRule => {
    const { over } = ALERT_METRICS[metric];
    return { name: "one", metric, overMs: over ? overMs : null, apps: null, capabilities: null, ...more };
  });

test("a rule that is written and read again is the same rule", () => {
  fc.assert(
    fc.property(rule, (one) => {
      const text = JSON.stringify([writtenAlertRule(one)]);
      expect(readAlertRules(JSON.parse(text), null)).toEqual({ rules: [one], issues: [] });
    }),
  );
});
