import { describe, expect, test } from "vitest";
import { type Alerts, alertId, type Check, judge, MAX_ALERTS } from "../../src/alerts/judge.ts";
import type { Reading } from "../../src/alerts/port.ts";
import type { Alert, AlertRule } from "../../src/core/alert.ts";
import { ALERTS_AT as AT, alertOf, alertRule, reading } from "../help/alerts.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NONE: Alerts = new Map();

/** One rule, checked at times with readings, each check going on from the one before; null: the source is away. */
function run(rule: AlertRule, ...steps: readonly (readonly [minutes: number, readings: readonly Reading[] | null])[]) {
  let alerts = NONE;
  const told: string[] = [];
  for (const [minutes, readings] of steps) {
    const judged = judge(checkOf(rule, minutes, readings), alerts);
    alerts = judged.alerts;
    told.push(...judged.events.map(({ type, id }) => `${minutes} ${type} ${id}`));
  }
  return { alerts, told, only: [...alerts.values()][0] };
}

function checkOf(rule: AlertRule, minutes: number, readings: readonly Reading[] | null): Check {
  return { rules: [rule], readings: new Map([[rule.name, readings]]), repeatEveryMs: HOUR, now: AT + minutes * MINUTE };
}

const bad = reading();
const well = reading({ value: 99 });
const few = reading({ value: 0, samples: 19 });
const FIRES = "alert.firing low-success:quiz:winner";
const OVER = "alert.resolved low-success:quiz:winner";

describe("firing and its end", () => {
  test("a value beyond its bound fires at once, and is over when it is well again", () => {
    const { told, only } = run(alertRule(), [0, [well]], [5, [bad]], [10, [bad]], [15, [well]]);
    expect(told).toEqual([`5 ${FIRES}`, `15 ${OVER}`]);
    expect(only).toMatchObject({ phase: "resolved", cause: "recovered", resolvedAt: AT + 15 * MINUTE, value: 99 });
  });

  test("an event says all that a message needs", () => {
    const { events } = judge(checkOf(alertRule(), 5, [bad]), NONE);
    expect(events).toEqual([
      {
        type: "alert.firing",
        at: AT + 5 * MINUTE,
        id: "low-success:quiz:winner",
        rule: "low-success",
        metric: "success_rate",
        app: "quiz",
        capability: "winner",
        upstream: null,
        value: 80,
        threshold: 95,
        unit: "percent",
        since: AT + 5 * MINUTE,
        summary: "quiz/winner: success rate 80 % is below 95 %, over 1h (100 calls)",
      },
    ]);
  });

  test("the bound itself is well; either bound can be crossed", () => {
    const rule = alertRule({ metric: "p95", below: 10, above: 100 });
    for (const [value, threshold] of [
      [9, 10],
      [10, null],
      [100, null],
      [101, 100],
    ] as const) {
      const { only } = run(rule, [0, [reading({ value })]]);
      expect([value, only?.threshold ?? null]).toEqual([value, threshold]);
    }
  });

  test("without a bound, any of it is trouble", () => {
    const rule = alertRule({ name: "open", metric: "breaker_open", below: null, overMs: null, minSamples: 0 });
    const { told } = run(
      rule,
      [0, [reading({ value: 0 })]],
      [1, [reading({ value: 1 })]],
      [2, [reading({ value: 0 })]],
    );
    expect(told).toEqual(["1 alert.firing open:quiz:winner", "2 alert.resolved open:quiz:winner"]);
  });

  test("each subject of a rule has an alert of its own", () => {
    const other = reading({ capability: "answer" });
    const { told } = run(alertRule(), [0, [bad, other]], [1, [well, other]]);
    expect(told).toEqual([`0 ${FIRES}`, "0 alert.firing low-success:quiz:answer", `1 ${OVER}`]);
  });
});

describe("for", () => {
  const rule = alertRule({ forMs: 10 * MINUTE });

  test("trouble that does not last never fires, and leaves nothing", () => {
    const { told, alerts } = run(rule, [0, [bad]], [9, [bad]], [9.5, [well]], [12, [bad]], [21, [bad]], [22, [well]]);
    expect(told).toEqual([]);
    expect(alerts.size).toBe(0);
  });

  test("it fires once it has lasted, and says since when", () => {
    const { told, only } = run(rule, [0, [bad]], [5, [bad]], [10, [bad]]);
    expect(told).toEqual([`10 ${FIRES}`]);
    expect(only).toMatchObject({ phase: "firing", since: AT, firedAt: AT + 10 * MINUTE });
  });

  test("trouble that is known to be older than the check counts from its beginning, and begins anew where it did", () => {
    const since = (minutes: number) => reading({ since: AT + minutes * MINUTE });
    expect(run(rule, [0, [since(-10)]]).told).toEqual([`0 ${FIRES}`]);
    expect(run(rule, [0, [since(-5)]], [6, [since(1)]], [10, [since(1)]]).told).toEqual([]);
  });
});

describe("repeating", () => {
  test("what goes on is told again after repeat_every, and not sooner", () => {
    const steps = [0, 5, 59, 60, 65, 119, 120].map((minutes) => [minutes, [bad]] as const);
    expect(run(alertRule(), ...steps).told).toEqual([`0 ${FIRES}`, `60 ${FIRES}`, `120 ${FIRES}`]);
  });

  test("what comes back sooner is firing and not told, and so is its end", () => {
    const { told, only } = run(alertRule(), [0, [bad]], [5, [well]], [10, [bad]], [15, [well]], [20, [bad]]);
    expect(told).toEqual([`0 ${FIRES}`, `5 ${OVER}`]);
    expect(only).toMatchObject({ phase: "firing", firedAt: AT + 20 * MINUTE, told: false });
  });

  test("what comes back and stays is told once repeat_every is over", () => {
    const { told } = run(alertRule(), [0, [bad]], [5, [well]], [10, [bad]], [60, [bad]], [65, [well]]);
    expect(told).toEqual([`0 ${FIRES}`, `5 ${OVER}`, `60 ${FIRES}`, `65 ${OVER}`]);
  });

  test("a clock that is set back by a day does not keep it quiet for a day", () => {
    const { told } = run(alertRule(), [0, [bad]], [-1440, [bad]], [-1440 + 59, [bad]], [-1440 + 60, [bad]]);
    expect(told).toEqual([`0 ${FIRES}`, `-1380 ${FIRES}`]);
  });
});

describe("too few samples", () => {
  test("they fire nothing", () => {
    expect(run(alertRule(), [0, [few]], [5, [few]]).alerts.size).toBe(0);
    expect(run(alertRule(), [0, [reading({ value: null, samples: 0 })]]).alerts.size).toBe(0);
  });

  test("they end nothing for as long as the rule measures, and then end it, with a reason", () => {
    const { told } = run(alertRule(), [0, [bad]], [30, [few]], [59, [few]]);
    expect(told).toEqual([`0 ${FIRES}`]);
    const later = run(alertRule(), [0, [bad]], [30, [few]], [60, [few]]);
    expect(later.told).toEqual([`0 ${FIRES}`, `60 ${OVER}`]);
    expect(later.only).toMatchObject({ cause: "too_few_samples", value: 80 });
  });

  test("metrics that are no calls need no samples", () => {
    const rule = alertRule({ metric: "dlq_size", below: null, above: 100, overMs: null, minSamples: 20 });
    const { told } = run(rule, [0, [reading({ app: null, capability: null, value: 101, samples: 0 })]]);
    expect(told).toEqual(["0 alert.firing low-success"]);
  });
});

describe("what is gone or away", () => {
  test("an alert whose subject is gone is over, and nobody is told", () => {
    const { told, only } = run(alertRule(), [0, [bad]], [5, []]);
    expect(told).toEqual([`0 ${FIRES}`]);
    expect(only).toMatchObject({ phase: "resolved", cause: "gone" });
  });

  test("an alert whose rule is gone likewise, and so is one whose rule measures something else now", () => {
    const { alerts } = run(alertRule(), [0, [bad]]);
    const other = alertRule({ name: "other" });
    expect(judge(checkOf(other, 5, [well]), alerts).alerts.get("low-success:quiz:winner")).toMatchObject({
      phase: "resolved",
      cause: "gone",
    });
    const slow = alertRule({ metric: "p95", below: null, above: 5 });
    const judged = judge(checkOf(slow, 5, [reading({ value: 1 })]), alerts);
    expect(judged.events).toEqual([]);
    expect([...judged.alerts.values()]).toMatchObject([{ phase: "resolved", cause: "gone", metric: "success_rate" }]);
  });

  test("while a source does not answer its alerts stay as they are", () => {
    const { told, only } = run(alertRule(), [0, [bad]], [5, null], [65, null], [66, [bad]]);
    expect(told).toEqual([`0 ${FIRES}`, `66 ${FIRES}`]);
    expect(only).toMatchObject({ phase: "firing", firedAt: AT });
  });
});

describe("silence", () => {
  const silenced = (minutes: number, given: Partial<Alert> = {}): Alerts => {
    const silence = { until: AT + minutes * MINUTE, by: "ops", reason: null };
    const alert = alertOf({ silence, ...given });
    return new Map([[alert.id, alert]]);
  };

  test("nothing is told of a silenced alert, neither that it goes on nor that it is over", () => {
    const before = silenced(200);
    expect(judge(checkOf(alertRule(), 100, [bad]), before).events).toEqual([]);
    expect(judge(checkOf(alertRule(), 100, [well]), before).events).toEqual([]);
  });

  test("what still fires when the silence is over is told", () => {
    const before = silenced(100);
    expect(judge(checkOf(alertRule(), 99, [bad]), before).events).toEqual([]);
    const { events, alerts } = judge(checkOf(alertRule(), 100, [bad]), before);
    expect(events).toHaveLength(1);
    expect([...alerts.values()][0]?.silence).toBe(null);
  });

  test("a silence lasts through the end of the alert and its next beginning", () => {
    const rule = alertRule({ forMs: MINUTE });
    let alerts = silenced(5000, { phase: "pending", firedAt: null, toldAt: null, told: false });
    for (const [minutes, value] of [
      [0, 99],
      [3000, 99],
      [3005, 50],
      [3010, 50],
    ] as const) {
      const judged = judge(checkOf(rule, minutes, [reading({ value })]), alerts);
      expect(judged.events).toEqual([]);
      alerts = judged.alerts;
    }
    expect([...alerts.values()]).toMatchObject([{ phase: "firing", silence: { by: "ops" } }]);
  });
});

describe("bounds", () => {
  test("what is over is shown for a day", () => {
    const steps = [[0, [bad]] as const, [5, [well]] as const];
    expect(run(alertRule(), ...steps, [5 + 1439, [well]]).alerts.size).toBe(1);
    expect(run(alertRule(), ...steps, [5 + 1440, [well]]).alerts.size).toBe(0);
  });

  test("new alerts beyond the bound are refused and counted; those that are over make room", () => {
    const many = Array.from({ length: MAX_ALERTS + 3 }, (_, i) => reading({ capability: `c${i}` }));
    const first = judge(checkOf(alertRule(), 0, many), NONE);
    expect([first.alerts.size, first.events.length, first.refused]).toEqual([MAX_ALERTS, MAX_ALERTS, 3]);
    const second = judge(checkOf(alertRule(), 5, many.slice(0, 10)), first.alerts);
    expect([second.alerts.size, second.events.length]).toEqual([MAX_ALERTS, 0]);
    const more = many
      .slice(0, 10)
      .concat(Array.from({ length: 20 }, (_, i) => reading({ app: "new", capability: `d${i}` })));
    const third = judge(checkOf(alertRule(), 10, more), second.alerts);
    expect([third.alerts.size, third.events.length, third.refused]).toEqual([MAX_ALERTS, 20, 0]);
  });
});

test("ids are of the rule and what there is of the subject", () => {
  const rule = alertRule({ name: "r" });
  expect(alertId(rule, { app: null, capability: null, upstream: null })).toBe("r");
  expect(alertId(rule, { app: "quiz", capability: null, upstream: "10.0.0.5:80" })).toBe("r:quiz:10.0.0.5:80");
});
