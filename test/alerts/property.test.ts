import fc from "fast-check";
import { expect, test } from "vitest";
import { type Alerts, judge } from "../../src/alerts/judge.ts";
import type { Reading } from "../../src/alerts/port.ts";
import type { AlertChanged } from "../../src/core/events.alert.ts";
import { ALERTS_AT, alertRule, reading } from "../help/alerts.ts";

/** Any run of checks: of two subjects what is measured, how long after the check before, or a source that is away. */

const MIN_SAMPLES = 10;
const measured = fc.record({
  value: fc.oneof(fc.constant(null), fc.constantFrom(50, 94, 95, 100)),
  samples: fc.constantFrom(0, MIN_SAMPLES - 1, MIN_SAMPLES, 1000),
});
const step = fc.record({
  ms: fc.integer({ min: 1, max: 2_000_000 }),
  quiz: fc.option(measured),
  poll: fc.option(measured),
  away: fc.boolean(),
  silenced: fc.constantFrom(0, 0, 0, 1_000_000),
});
const settings = fc.record({
  repeatEveryMs: fc.constantFrom(1000, 600_000, 3_600_000),
  forMs: fc.constantFrom(null, 1, 500_000, 3_000_000),
  overMs: fc.constantFrom(1000, 3_600_000),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface Seen {
  readonly at: number;
  readonly step: Step;
  readonly events: readonly AlertChanged[];
  readonly before: Alerts;
  readonly alerts: Alerts;
}

function run(
  { repeatEveryMs, forMs, overMs }: typeof settings extends fc.Arbitrary<infer T> ? T : never,
  steps: Step[],
) {
  const rule = alertRule({ minSamples: MIN_SAMPLES, forMs, overMs });
  let alerts: Alerts = new Map();
  let now = ALERTS_AT;
  return steps.map((one): Seen => {
    now += one.ms;
    const readings: Reading[] = [];
    for (const app of ["quiz", "poll"] as const) if (one[app] !== null) readings.push(reading({ app, ...one[app] }));
    const before = alerts;
    const judged = judge(
      { rules: [rule], readings: new Map([[rule.name, one.away ? null : readings]]), repeatEveryMs, now },
      before,
    );
    alerts = judged.alerts;
    if (one.silenced > 0) {
      const silence = { until: now + one.silenced, by: "ops", reason: null };
      alerts = new Map([...alerts].map(([id, alert]) => [id, { ...alert, silence }]));
    }
    return { at: now, step: one, events: judged.events, before, alerts: judged.alerts };
  });
}

const bad = (one: Step["quiz"]): boolean =>
  one !== null && one.value !== null && one.value < 95 && one.samples >= MIN_SAMPLES;
const conclusive = (one: Step["quiz"]): boolean => one !== null && one.value !== null && one.samples >= MIN_SAMPLES;

const property = (
  holds: (seen: Seen[], given: typeof settings extends fc.Arbitrary<infer T> ? T : never) => void,
): void =>
  fc.assert(
    fc.property(settings, fc.array(step, { maxLength: 40 }), (given, steps) => holds(run(given, steps), given)),
    { numRuns: 300 },
  );

const ofApp = (seen: readonly Seen[], app: string) => seen.flatMap(({ events }) => events.filter((e) => e.app === app));

test("that an alert fires is never told twice within repeat_every", () => {
  property((seen, { repeatEveryMs }) => {
    for (const app of ["quiz", "poll"]) {
      const fired = ofApp(seen, app).filter(({ type }) => type === "alert.firing");
      for (const [i, { at }] of fired.entries()) {
        if (i > 0) expect(at - (fired[i - 1]?.at ?? 0)).toBeGreaterThanOrEqual(repeatEveryMs);
      }
    }
  });
});

test("an end is told only where a beginning was told and no end since", () => {
  property((seen) => {
    for (const app of ["quiz", "poll"]) {
      let open = false;
      for (const { type } of ofApp(seen, app)) {
        if (type === "alert.resolved") expect(open).toBe(true);
        open = type === "alert.firing";
      }
    }
  });
});

test("it fires only after it was bad, as far as was known, for the whole of `for`", () => {
  property((seen, { forMs }) => {
    for (const app of ["quiz", "poll"] as const) {
      let badSince: number | null = null;
      for (const { at, step: one, events } of seen) {
        if (!one.away && conclusive(one[app])) badSince = bad(one[app]) ? (badSince ?? at) : null;
        else if (!one.away && one[app] === null) badSince = null;
        for (const event of events.filter((e) => e.app === app && e.type === "alert.firing")) {
          expect(badSince).not.toBe(null);
          expect(at - (badSince ?? at)).toBeGreaterThanOrEqual(forMs ?? 0);
          expect(bad(one[app])).toBe(true);
          expect(event.value).toBeLessThan(95);
        }
      }
    }
  });
});

test("too few samples neither fire nor end anything while the rule still measures what came before", () => {
  property((seen, { overMs }) => {
    for (const { at, step: one, events, before } of seen) {
      for (const app of ["quiz", "poll"] as const) {
        if (one.away || one[app] === null || conclusive(one[app])) continue;
        const was = before.get(`low-success:${app}:winner`);
        if (was !== undefined && at - was.knownAt >= overMs) continue;
        expect(events.filter((event) => event.app === app)).toEqual([]);
      }
    }
  });
});

test("nothing is told of what is silenced, or while its source is away", () => {
  property((seen) => {
    for (const { at, step: one, events, before } of seen) {
      if (one.away) expect(events).toEqual([]);
      for (const { id } of events) expect(before.get(id)?.silence?.until ?? 0).toBeLessThanOrEqual(at);
    }
  });
});

test("what is bad fires once it was for long enough, unless too little was known of it for too long", () => {
  property((seen, { forMs }) => {
    for (const app of ["quiz", "poll"] as const) {
      const last = seen.at(-1);
      if (last === undefined || last.step.away || !bad(last.step[app])) continue;
      const well = seen.findLastIndex(
        ({ step: one }) => !one.away && (one[app] === null || (conclusive(one[app]) && !bad(one[app]))),
      );
      const since = seen.slice(well + 1);
      const from = since.findIndex(({ step: one }) => !one.away && bad(one[app]));
      const held = since.slice(from).map(({ alerts }) => alerts.get(`low-success:${app}:winner`)?.phase);
      if (held.some((phase) => phase === undefined || phase === "resolved")) continue;
      if (last.at - (since[from]?.at ?? 0) >= (forMs ?? 0)) expect(held.at(-1)).toBe("firing");
    }
  });
});
