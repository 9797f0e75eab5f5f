import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import type { RouteRef } from "../../src/core/exchange.ts";
import type { MetricSources } from "../../src/observe/metrics.families.ts";
import { createMetrics, type Metrics } from "../../src/observe/metrics.ts";
import { EVENT_SAMPLES } from "../help/event.samples.ts";
import { attemptOf, breakerMoved, fallbackUsed, QUIZ_WINNER, requestCompleted } from "../help/events.ts";

function metricsWith(sources: Partial<MetricSources> = {}): Metrics {
  return createMetrics({
    build: { version: "1.2.3", node: "v26.0.0" },
    breakers: () => [],
    inFlight: () => [],
    apps: () => [],
    alerts: () => [],
    redis: () => null,
    spool: async () => ({
      states: { queued: 0, leased: 0, verifying: 0, delivered: 0, dead: 0, cancelled: 0 },
      bytes: 0,
      oldestAgeMs: null,
      routes: [],
    }),
    ...sources,
  });
}

/** The lines of a scrape that begin with `name`, so that a test sees labels and value as a scraper would. */
async function scraped(metrics: Metrics, name: string): Promise<string[]> {
  const { body } = await metrics.scrape();
  return body.split("\n").filter((line) => line.startsWith(name));
}

test("a request is counted by route, mode and outcome, with its time and each try", async () => {
  const metrics = metricsWith();
  metrics.record(
    requestCompleted({
      durationMs: 40,
      attempts: [
        attemptOf({ worth: "transient", reason: "reset", durationMs: 10 }),
        attemptOf({ n: 1, upstream: "backup", durationMs: 20 }),
      ],
      retries: ["reset"],
    }),
  );
  expect(await scraped(metrics, "outrigger_requests_total")).toEqual([
    'outrigger_requests_total{app="quiz",capability="winner",mode="sync",outcome="ok"} 1',
  ]);
  expect(await scraped(metrics, "outrigger_request_duration_seconds_sum")).toEqual([
    'outrigger_request_duration_seconds_sum{app="quiz",capability="winner"} 0.04',
  ]);
  expect(await scraped(metrics, "outrigger_attempts_total")).toEqual([
    'outrigger_attempts_total{app="quiz",capability="winner",upstream="primary",result="transient"} 1',
    'outrigger_attempts_total{app="quiz",capability="winner",upstream="backup",result="ok"} 1',
  ]);
  expect(await scraped(metrics, "outrigger_attempt_duration_seconds_count")).toEqual([
    'outrigger_attempt_duration_seconds_count{app="quiz",upstream="primary"} 1',
    'outrigger_attempt_duration_seconds_count{app="quiz",upstream="backup"} 1',
  ]);
  expect(await scraped(metrics, "outrigger_overhead_seconds_sum")).toEqual(["outrigger_overhead_seconds_sum 0.0002"]);
  expect(await scraped(metrics, "outrigger_retries_total")).toEqual([
    'outrigger_retries_total{app="quiz",capability="winner",reason="reset"} 1',
  ]);
});

test("what was not repeated, and what a fallback answered, is counted with why", async () => {
  const metrics = metricsWith();
  metrics.record(requestCompleted({ outcome: "fallback", reason: "timeout", denied: "not_repeatable" }));
  metrics.record(fallbackUsed());
  expect(await scraped(metrics, "outrigger_retries_denied_total")).toEqual([
    'outrigger_retries_denied_total{app="quiz",capability="winner",reason="not_repeatable"} 1',
  ]);
  expect(await scraped(metrics, "outrigger_fallbacks_total")).toEqual([
    'outrigger_fallbacks_total{app="quiz",capability="winner",strategy="random_pick",reason="timeout"} 1',
  ]);
});

test("refused requests are counted by app, and with an empty app where no route was known", async () => {
  const metrics = metricsWith();
  metrics.record(requestCompleted({ outcome: "rejected", reason: "rate_limit" }));
  metrics.record(requestCompleted({ outcome: "rejected", reason: null }));
  metrics.refused("no_route");
  metrics.refused("no_route");
  expect(await scraped(metrics, "outrigger_rejected_total")).toEqual([
    'outrigger_rejected_total{app="quiz",reason="rate_limit"} 1',
    'outrigger_rejected_total{app="quiz",reason="refused"} 1',
    'outrigger_rejected_total{app="",reason="no_route"} 2',
  ]);
});

test("breaker states and requests in flight are asked at the scrape, and what is gone leaves no series", async () => {
  let state: "closed" | "half_open" | "open" = "open";
  let apps: [string, number][] = [["quiz", 3]];
  const metrics = metricsWith({
    breakers: () => [{ app: "quiz", capability: "winner", upstream: "primary", state }],
    inFlight: () => apps,
  });
  const breaker = 'outrigger_breaker_state{app="quiz",capability="winner",upstream="primary"}';
  expect(await scraped(metrics, "outrigger_breaker_state")).toEqual([`${breaker} 2`]);
  expect(await scraped(metrics, "outrigger_in_flight")).toEqual(['outrigger_in_flight{app="quiz"} 3']);
  state = "half_open";
  apps = [];
  expect(await scraped(metrics, "outrigger_breaker_state")).toEqual([`${breaker} 1`]);
  expect(await scraped(metrics, "outrigger_in_flight")).toEqual([]);
});

test("moves of a breaker are counted by where they went", async () => {
  const metrics = metricsWith();
  metrics.retain([{ app: "quiz", capability: "winner", key: "quiz/winner", upstreams: ["primary"] }]);
  metrics.record(breakerMoved());
  metrics.record(breakerMoved({ type: "breaker.half_open" }));
  metrics.record(breakerMoved({ type: "breaker.closed" }));
  const route = 'app="quiz",capability="winner",upstream="primary"';
  expect(await scraped(metrics, "outrigger_breaker_transitions_total")).toEqual([
    `outrigger_breaker_transitions_total{${route},to="open"} 1`,
    `outrigger_breaker_transitions_total{${route},to="half_open"} 1`,
    `outrigger_breaker_transitions_total{${route},to="closed"} 1`,
  ]);
});

test("the manifest that runs is told, and reloads are counted, the start not among them", async () => {
  const metrics = metricsWith();
  metrics.record({ type: "manifest.applied", at: 0, revision: 1, hash: "aa", by: "start" });
  expect(await scraped(metrics, "outrigger_manifest_reloads_total")).toEqual([
    'outrigger_manifest_reloads_total{result="applied"} 0',
    'outrigger_manifest_reloads_total{result="rejected"} 0',
  ]);
  metrics.record({ type: "manifest.applied", at: 0, revision: 2, hash: "bb", by: "signal" });
  metrics.record({ type: "manifest.rejected", at: 0, by: "file", problems: ["x"] });
  expect(await scraped(metrics, "outrigger_manifest_reloads_total")).toEqual([
    'outrigger_manifest_reloads_total{result="applied"} 1',
    'outrigger_manifest_reloads_total{result="rejected"} 1',
  ]);
  expect(await scraped(metrics, "outrigger_manifest_info")).toEqual([
    'outrigger_manifest_info{revision="2",hash="bb"} 1',
  ]);
  expect(await scraped(metrics, "outrigger_build_info")).toEqual([
    'outrigger_build_info{version="1.2.3",node="v26.0.0"} 1',
  ]);
});

test("events of features without metrics yet change nothing", async () => {
  const metrics = metricsWith();
  metrics.record({ type: "redis.lost", at: 0, detail: "", durationMs: 0 });
  expect(await scraped(metrics, "outrigger_requests_total")).toEqual([]);
});

test("series of routes and upstreams that left the manifest go, and a late request does not bring them back", async () => {
  const metrics = metricsWith();
  const other: RouteRef = { app: "shop", capability: "order", key: "shop/order", mode: "sync" };
  const late = (): void => {
    metrics.record(requestCompleted({ attempts: [attemptOf(), attemptOf({ upstream: "backup" })] }));
    metrics.record(requestCompleted({ route: other, denied: "budget", retries: ["reset"] }));
    metrics.record(fallbackUsed({ route: other }));
    metrics.record(breakerMoved({ app: "shop", capability: "order" }));
    metrics.record(breakerMoved({ upstream: "backup" }));
  };
  metrics.retain([
    { app: "quiz", capability: "winner", key: "quiz/winner", upstreams: ["primary", "backup"] },
    { app: "shop", capability: "order", key: "shop/order", upstreams: ["primary"] },
  ]);
  late();
  expect((await metrics.scrape()).body).toContain('app="shop"');
  expect((await metrics.scrape()).body).toContain('upstream="backup"');
  metrics.retain([{ app: "quiz", capability: "winner", key: "quiz/winner", upstreams: ["primary"] }]);
  metrics.refused("no_route");
  expect((await metrics.scrape()).body).not.toMatch(/app="shop"|upstream="backup"/);
  late();
  const { body } = await metrics.scrape();
  expect(body).not.toMatch(/app="shop"|upstream="backup"/);
  expect(body).toContain('outrigger_requests_total{app="quiz",capability="winner",mode="sync",outcome="ok"} 2');
  expect(body).toContain('outrigger_rejected_total{app="",reason="no_route"} 1');
});

test("a route that is replaced by one of the same name counts on in the same series", async () => {
  const metrics = metricsWith();
  const names = [{ app: "quiz", capability: "winner", key: "quiz/winner", upstreams: ["primary"] }];
  metrics.retain(names);
  metrics.record(requestCompleted());
  metrics.retain(names);
  metrics.record(requestCompleted({ route: { ...QUIZ_WINNER } }));
  expect(await scraped(metrics, "outrigger_requests_total")).toEqual([
    'outrigger_requests_total{app="quiz",capability="winner",mode="sync",outcome="ok"} 2',
  ]);
});

test("deliveries are counted by what became of them: on while their route stays, and from zero after it was gone", async () => {
  const metrics = metricsWith();
  const route = (capability: string) => ({
    app: "quiz",
    capability,
    key: `quiz/${capability}`,
    upstreams: ["primary"],
  });
  const become = (...types: ("delivery.queued" | "delivery.delivered" | "delivery.retry" | "dlq.added")[]): void => {
    for (const type of types) metrics.record(EVENT_SAMPLES[type]);
  };
  const counted = async () =>
    (await scraped(metrics, "outrigger_deliveries_total")).map((line) => line.replace(/^.*result="(.*)"} /, "$1 "));
  metrics.retain([route("later"), route("other")]);
  become("delivery.queued", "delivery.queued", "delivery.retry", "delivery.delivered", "dlq.added");
  expect(await counted()).toEqual(["queued 2", "retry 1", "delivered 1", "dead 1"]);
  // Another route leaves, and one comes: neither is a matter of this one.
  metrics.retain([route("later")]);
  become("delivery.queued");
  metrics.retain([route("later"), route("third")]);
  become("delivery.queued");
  expect(await counted()).toEqual(["queued 4", "retry 1", "delivered 1", "dead 1"]);
  metrics.retain([route("third")]);
  become("delivery.delivered");
  expect(await counted()).toEqual([]);
  metrics.retain([route("later"), route("third")]);
  become("delivery.queued", "delivery.delivered");
  expect(await counted()).toEqual(["queued 1", "delivered 1"]);
});

test("an upstream that alone leaves takes its series along, and counts from zero when it is back", async () => {
  const metrics = metricsWith();
  const names = (...upstreams: string[]) => [{ app: "quiz", capability: "winner", key: "quiz/winner", upstreams }];
  const attempts = () => scraped(metrics, 'outrigger_attempts_total{app="quiz",capability="winner",upstream="backup"');
  for (let round = 0; round < 2; round++) {
    metrics.retain(names("primary", "backup"));
    metrics.record(requestCompleted({ attempts: [attemptOf({ upstream: "backup" })] }));
    expect(await attempts()).toEqual([expect.stringMatching(/} 1$/)]);
    metrics.retain(names("primary"));
    expect(await attempts()).toEqual([]);
  }
});

const promtool = spawnSync("promtool", ["--version"]).status === 0;
if (!promtool) console.warn("promtool is not installed: the metrics are not checked with it");

test.skipIf(!promtool && process.env.CI === undefined)("promtool finds nothing to say about a scrape", async () => {
  const metrics = metricsWith({
    breakers: () => [{ app: "quiz", capability: "winner", upstream: "primary", state: "closed" }],
    inFlight: () => [["quiz", 1]],
  });
  metrics.record(requestCompleted({ retries: ["reset"], denied: "budget" }));
  metrics.record(fallbackUsed());
  metrics.record(breakerMoved());
  metrics.record({ type: "manifest.applied", at: 0, revision: 1, hash: "aa", by: "start" });
  metrics.refused("no_route");
  const { contentType, body } = await metrics.scrape();
  expect(contentType).toBe("text/plain; version=0.0.4; charset=utf-8");
  const checked = spawnSync("promtool", ["check", "metrics"], { input: body, encoding: "utf8" });
  expect(`${checked.stdout}${checked.stderr}`).toBe("");
  expect(checked.status).toBe(0);
});

test("notifications are counted by channel and result, from zero on, for the channels of the manifest only", async () => {
  const metrics = metricsWith();
  metrics.retain([], ["hook", "old"]);
  metrics.notified("hook", "sent");
  metrics.notified("hook", "sent");
  metrics.notified("old", "failed");
  expect(await scraped(metrics, "outrigger_notifications_total")).toEqual([
    'outrigger_notifications_total{channel="hook",result="sent"} 2',
    'outrigger_notifications_total{channel="hook",result="failed"} 0',
    'outrigger_notifications_total{channel="hook",result="dropped"} 0',
    'outrigger_notifications_total{channel="old",result="sent"} 0',
    'outrigger_notifications_total{channel="old",result="failed"} 1',
    'outrigger_notifications_total{channel="old",result="dropped"} 0',
  ]);
  metrics.retain([], ["hook"]);
  metrics.notified("old", "failed");
  expect(await scraped(metrics, "outrigger_notifications_total")).toEqual([
    'outrigger_notifications_total{channel="hook",result="sent"} 2',
    'outrigger_notifications_total{channel="hook",result="failed"} 0',
    'outrigger_notifications_total{channel="hook",result="dropped"} 0',
  ]);
});

test("each rule of alerts in force has how many fire, and one that is gone has none", async () => {
  let rules = [
    { rule: "low-success", alerts: 2 },
    { rule: "slow", alerts: 0 },
  ];
  const metrics = metricsWith({ alerts: () => rules });
  expect(await scraped(metrics, "outrigger_alerts_firing")).toEqual([
    'outrigger_alerts_firing{rule="low-success"} 2',
    'outrigger_alerts_firing{rule="slow"} 0',
  ]);
  rules = rules.slice(1);
  expect(await scraped(metrics, "outrigger_alerts_firing")).toEqual(['outrigger_alerts_firing{rule="slow"} 0']);
});
