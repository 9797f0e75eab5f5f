import { expect, test } from "vitest";
import type { AlertSources, CallReading } from "../../src/alerts/port.ts";
import { createGather } from "../../src/alerts/readings.ts";
import type { AlertRule } from "../../src/core/alert.ts";
import { ALERTS_AT as AT, alertRule } from "../help/alerts.ts";

const ROUTES = [
  { app: "quiz", capability: "winner" },
  { app: "quiz", capability: "report" },
  { app: "shop", capability: "report" },
];

const call = (given: Partial<CallReading> = {}): CallReading => ({
  ...{ app: "quiz", capability: "winner", samples: 40, successRate: 97.5, timeoutRate: 2.5, p50: 4, p95: 80, p99: 90 },
  ...given,
});

/** Sources of which nothing is to be said, but for what is given; `asked` counts questions. */
function sources(given: Partial<AlertSources> = {}) {
  const asked: string[] = [];
  const all: AlertSources = {
    routes: () => ROUTES,
    apps: () => [
      {
        app: "quiz",
        upstreams: [
          { upstream: "primary", consecutiveFailures: 3 },
          { upstream: "backup", consecutiveFailures: 0 },
        ],
      },
      { app: "shop", upstreams: [{ upstream: "primary", consecutiveFailures: 1 }] },
    ],
    breakers: () => [],
    spool: async () => {
      asked.push("spool");
      return {
        oldestAgeMs: 90_000,
        routes: [
          { app: "quiz", capability: "winner", waiting: 1, dead: 10 },
          { app: "quiz", capability: "report", waiting: 0, dead: 30 },
          { app: "gone", capability: "report", waiting: 5, dead: 60 },
        ],
      };
    },
    moves: async (fromMs) => {
      asked.push(`moves ${AT - fromMs}`);
      return [
        { app: "quiz", note: "from primary to backup (hang)" },
        { app: "quiz", note: "from primary to backup (probe)" },
      ];
    },
    verifications: async (fromMs) => {
      asked.push(`verifications ${AT - fromMs}`);
      return [{ app: "quiz", capability: "winner", verified: 5, failed: 2, unverified: 1 }];
    },
    calls: async (fromMs, toMs) => {
      asked.push(`calls ${toMs - fromMs}`);
      return [call()];
    },
    ...given,
  };
  return { asked, gather: createGather(all, AT) };
}

const rule = (metric: AlertRule["metric"], given: Partial<AlertRule> = {}) =>
  alertRule({ name: metric, metric, below: null, above: 1, ...given });

/** As in `quiz/winner 97.5 (40)`: subject, value, samples. */
async function said(metric: AlertRule["metric"], limits: Partial<AlertRule> = {}, given: Partial<AlertSources> = {}) {
  const readings = (await sources(given).gather(rule(metric, limits))) ?? [];
  return readings.map(({ app, capability, upstream, value, samples }) => {
    const subject = [app, capability, upstream].filter((part) => part !== null).join("/");
    return `${subject || "all"} ${value} (${samples})`;
  });
}

test("of calls each route of the manifest has a reading, also one that nobody called", async () => {
  expect(await said("success_rate")).toEqual(["quiz/winner 97.5 (40)", "quiz/report null (0)", "shop/report null (0)"]);
  for (const [metric, value] of [
    ["timeout_rate", 2.5],
    ["p50", 4],
    ["p95", 80],
    ["p99", 90],
  ] as const) {
    expect((await said(metric))[0]).toBe(`quiz/winner ${value} (40)`);
  }
});

test("a rule may be limited to apps, to capabilities, or to both", async () => {
  expect(await said("p50", { apps: ["shop"] })).toEqual(["shop/report null (0)"]);
  expect(await said("p50", { capabilities: ["report"] })).toEqual(["quiz/report null (0)", "shop/report null (0)"]);
  expect(await said("p50", { apps: ["quiz"], capabilities: ["winner"] })).toEqual(["quiz/winner 4 (40)"]);
  expect(await said("health_failures", { apps: ["shop"] })).toEqual(["shop/primary 1 (0)"]);
});

test("failures in a row are of each upstream, failovers of each app", async () => {
  expect(await said("health_failures")).toEqual(["quiz/primary 3 (0)", "quiz/backup 0 (0)", "shop/primary 1 (0)"]);
  expect(await said("failover")).toEqual(["quiz 2 (0)", "shop 0 (0)"]);
  const [quiz] = (await sources().gather(rule("failover"))) ?? [];
  expect(quiz?.note).toBe("last from primary to backup (hang)");
});

test("good answers that failed or were never verified count among all that were asked about", async () => {
  expect(await said("verification_failures")).toEqual(["quiz/winner 3 (8)", "quiz/report 0 (0)", "shop/report 0 (0)"]);
});

test("dead letters are those of the whole spool; of each app or route that the rule names, but none that is gone", async () => {
  expect(await said("dlq_size")).toEqual(["all 100 (0)"]);
  expect(await said("dlq_size", { apps: ["quiz", "shop", "gone"] })).toEqual(["quiz 40 (0)", "shop 0 (0)"]);
  expect(await said("dlq_size", { capabilities: ["report"] })).toEqual(["quiz/report 30 (0)", "shop/report 0 (0)"]);
  expect(await said("spool_jobs")).toEqual(["all 6 (0)"]);
  expect(await said("spool_age")).toEqual(["all 90000 (0)"]);
  const [all] = (await sources().gather(rule("dlq_size"))) ?? [];
  expect(all?.note).toBe("most of gone/report: 60");
});

test("a breaker that is half-open is not closed; since when is known only of one that never reopened", async () => {
  const cell = {
    app: "quiz",
    capability: "winner",
    upstream: "primary",
    state: "open",
    since: AT - 5,
    until: AT + 60_000 - 5,
    reopenings: 0,
    dryRun: false,
  } as const;
  const open = async (...breakers: ReturnType<AlertSources["breakers"]>) => {
    const [winner] = (await sources({ breakers: () => breakers }).gather(rule("breaker_open"))) ?? [];
    return [winner?.value, winner?.since, winner?.note];
  };
  expect(await open(cell)).toEqual([1, AT - 5, "on primary"]);
  expect(await open({ ...cell, state: "half_open" })).toEqual([1, null, "on primary"]);
  expect(await open({ ...cell, reopenings: 1 })).toEqual([1, null, "on primary"]);
  expect(await open(cell, { ...cell, upstream: "backup", since: AT - 9 })).toEqual([2, AT - 9, "on primary, backup"]);
  expect(await open({ ...cell, state: "closed" })).toEqual([0, null, null]);
  expect(await open({ ...cell, dryRun: true })).toEqual([0, null, null]);
});

test("a breaker whose trial is due for as long again as it was open, at most 5 minutes, no longer counts", async () => {
  const count = async (since: number, until: number) => {
    const cell = { app: "quiz", capability: "winner", upstream: "primary", reopenings: 0, dryRun: false };
    const breakers = () => [{ ...cell, state: "open" as const, since: AT + since, until: AT + until }];
    return (await sources({ breakers }).gather(rule("breaker_open")))?.[0]?.value;
  };
  expect(await count(-119_000, -59_000)).toBe(1);
  expect(await count(-120_000, -60_000)).toBe(0);
  expect(await count(-3_900_000, -299_000)).toBe(1);
  expect(await count(-3_900_000, -300_000)).toBe(0);
});

test("a source is asked once for each span of time, however many rules there are", async () => {
  const { gather, asked } = sources();
  for (const one of [rule("p50"), rule("p99"), rule("success_rate"), rule("p50", { overMs: 60_000 })])
    await gather(one);
  for (const one of [rule("dlq_size"), rule("spool_age"), rule("failover"), rule("failover")]) await gather(one);
  expect(asked).toEqual(["calls 3600000", "calls 60000", "spool", "moves 3600000"]);
});

test("of a source that does not answer nothing is known", async () => {
  const { gather } = sources({ spool: () => Promise.reject(new Error("away")) });
  expect(await gather(rule("dlq_size"))).toBe(null);
  expect(await gather(rule("spool_age"))).toBe(null);
  expect(await gather(rule("health_failures"))).toHaveLength(3);
});
