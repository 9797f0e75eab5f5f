import { expect, test } from "vitest";
import type { WebhookHealthView } from "../../src/admin/routes/webhook-health.ts";
import type { AdminServices } from "../../src/admin/services.ts";
import type { RedisStatus } from "../../src/core/redis.status.ts";
import { adminServices, api, breakerInfo, startAdmin, type TestAdmin } from "../help/admin.ts";
import { alertOf, testAlerts } from "../help/alerts.ts";
import { emptyCalls, testCalls } from "../help/calls.ts";
import { AT, testDeliveries } from "../help/deliveries.ts";
import { appHealth, singleApp, testFailover, upstreamHealth } from "../help/failover.ts";
import { createManualClock } from "../help/manual-clock.ts";

async function health(given: Partial<AdminServices>, before: (admin: TestAdmin) => void = () => {}) {
  const admin = await startAdmin({ clock: createManualClock(AT), ...given });
  before(admin);
  const { status, body } = await api(admin, "/webhook-health");
  expect(status).toBe(200);
  const view = body as unknown as WebhookHealthView;
  const codes = view.reasons.map(({ code, severity, app, capability }) => [code, severity, app, capability]);
  return { ...view, codes };
}

const down = appHealth({ app: "poll", status: "unhealthy", active: null, upstreams: [upstreamHealth()] });

test("healthy where all is well, and where nothing was ever called", async () => {
  expect(await health({})).toMatchObject({ status: "healthy", reasons: [], reasons_total: 0 });
});

test("an app that is down degrades the whole; when all are, it is unhealthy", async () => {
  const some = await health({ failover: testFailover([singleApp("quiz"), down, appHealth()]) });
  expect(some).toMatchObject({ status: "degraded" });
  expect(some.codes).toEqual([
    ["app_unhealthy", "degraded", "poll", null],
    ["app_degraded", "degraded", "quiz", null],
  ]);
  expect(some.reasons[0]?.message).toBe("App poll is unhealthy: none of its upstreams is usable.");
  expect((await health({ failover: testFailover([down]) })).status).toBe("unhealthy");
});

test("of an app that is down the newest call that failed is told, with why and when", async () => {
  const failed = (at: number, detail: string) => ({ at, reason: "connect" as const, status: 0, detail });
  const upstreams = [
    upstreamHealth({ lastFailure: failed(AT - 9_000, "the older one") }),
    upstreamHealth({ upstream: "backup", lastFailure: failed(AT - 2_000, "connect: ECONNREFUSED") }),
  ];
  const found = await health({ failover: testFailover([{ ...down, upstreams }]) });
  expect(found.reasons[0]?.message).toBe(
    "App poll is unhealthy: none of its upstreams is usable. The last call that failed, at " +
      "2025-12-31T23:59:58.000Z on backup: connect, connect: ECONNREFUSED.",
  );
});

test("an open breaker is told; one that only counts, is closed, or is due for a trial is not", async () => {
  const list = () => [
    breakerInfo({ state: "open", until: AT + 1000 }),
    breakerInfo({ upstream: "backup", state: "open", dryRun: true }),
    breakerInfo({ capability: "other", state: "half_open" }),
    breakerInfo({ capability: "due", state: "open", until: AT }),
  ];
  const found = await health({ breakers: { ...adminServices().breakers, list } });
  expect(found.codes).toEqual([["breaker_open", "degraded", "quiz", "winner"]]);
});

test("calls that fail lately, and jobs that die", async () => {
  const clock = createManualClock(AT);
  const { calls, called } = testCalls(clock);
  const failed = { outcome: "failed", reason: "connect", status: 502 } as const;
  called("quiz/winner", {}, 30);
  called("quiz/winner", failed, 10);
  const job = { at: clock.wall(), app: "quiz", capability: "winner", id: "j", requestId: "r", sends: 1 };
  calls.record({ type: "dlq.added", ...job, reason: "gone", detail: null });
  clock.advance(60_000);
  const deliveries = testDeliveries();
  deliveries.info = { routes: [withDead(3)] };
  const low = await health({ calls, clock, deliveries });
  expect([low.status, low.codes]).toEqual([
    "degraded",
    [
      ["low_success", "degraded", "quiz", null],
      ["dlq_growing", "degraded", "quiz", null],
    ],
  ]);
  expect(low.reasons[0]?.message).toContain("Of 40 calls of app quiz in the last minutes, 30 succeeded (75 %)");
  called("quiz/winner", failed, 30);
  const worse = await health({ calls, clock });
  expect([worse.status, worse.codes[0]]).toEqual(["unhealthy", ["low_success", "unhealthy", null, null]]);
  clock.advance(3_600_000);
  expect((await health({ calls, clock })).status).toBe("healthy");
});

const withDead = (dead: number) => ({
  ...{ app: "quiz", capability: "winner", queued: 0, leased: 0, verifying: 0, dead, parked: null },
});

test("dead letters that are there no more are not told of, and are while nobody can say whether they are", async () => {
  const clock = createManualClock(AT);
  const { calls } = testCalls(clock);
  const job = { at: clock.wall(), app: "quiz", capability: "winner", id: "j", requestId: "r", sends: 1 };
  calls.record({ type: "dlq.added", ...job, reason: "gone", detail: null });
  const deliveries = testDeliveries();
  deliveries.info = { routes: [withDead(4)] };
  const some = await health({ calls, clock, deliveries });
  expect(some.reasons).toMatchObject([
    {
      code: "dlq_growing",
      message: "1 job of app quiz went to the dead-letter queue in the last minutes; it has 4 there now.",
    },
  ]);
  deliveries.info = { routes: [withDead(0)] };
  expect((await health({ calls, clock, deliveries })).status).toBe("healthy");
  deliveries.away = true;
  expect((await health({ calls, clock, deliveries })).codes.map(([code]) => code)).toEqual([
    "spool_away",
    "dlq_growing",
  ]);
});

test("an app that is mended is well again as soon as its newest calls say so, of a quiet one once there are enough", async () => {
  const clock = createManualClock(AT);
  const { calls, called } = testCalls(clock);
  called("quiz/winner", { outcome: "failed", reason: "connect", status: 502 }, 100);
  clock.advance(60_000);
  called("quiz/winner", {}, 5);
  expect((await health({ calls, clock })).reasons[0]?.message).toContain("Of 105 calls");
  clock.advance(60_000);
  called("quiz/winner", {}, 14);
  expect((await health({ calls, clock })).reasons[0]?.message).toContain("Of 119 calls");
  called("quiz/winner", {}, 1);
  expect((await health({ calls, clock })).status).toBe("healthy");
});

test("an app that fails all at once is told of, however well the minutes just before went", async () => {
  const clock = createManualClock(AT);
  const { calls, called } = testCalls(clock);
  for (let minute = 0; minute < 4; minute++) {
    called("quiz/winner", {}, 250);
    clock.advance(60_000);
  }
  called("quiz/winner", { outcome: "failed", reason: "connect", status: 502 }, 110);
  expect((await health({ calls, clock })).reasons[0]?.message).toContain("Of 360 calls of app quiz");
  // And in the minute after it, of which nothing is known yet.
  clock.advance(60_000);
  expect((await health({ calls, clock })).reasons.map(({ message }) => message)).toEqual([
    expect.stringContaining("Of 110 calls in the last minutes, 0 succeeded"),
    expect.stringContaining("Of 110 calls of app quiz in the last minutes, 0 succeeded"),
  ]);
});

test("minutes are asked for only of what has failed too often among its newest calls to be well for certain", async () => {
  const clock = createManualClock(AT);
  const { calls, called } = testCalls(clock);
  const failed = { outcome: "failed", reason: "connect", status: 502 } as const;
  called("old/hook", failed, 100);
  clock.advance(300_000);
  called("old/hook", {}, 20);
  clock.advance(300_000);
  called("few/hook", failed, 2);
  called("few/hook", {}, 18);
  called("quiz/winner", failed, 3);
  called("quiz/winner", {}, 997);
  const looked: unknown[] = [];
  const series: typeof calls.series = (scopes, query) => {
    looked.push([query.stepMs / 60_000, scopes.map(({ app }) => app)]);
    return calls.series(scopes, query);
  };
  const routes = () => ["few", "old", "quiz"].map((app) => ({ ...adminServices().routes()[0]!, app }));
  expect((await health({ calls: { ...calls, series }, clock, routes })).status).toBe("healthy");
  expect(looked).toEqual([
    [5, [null, "few", "old", "quiz"]],
    [1, [null, "quiz"]],
  ]);
});

test("Redis that is away degrades the whole; with the spool in it, it is unhealthy", async () => {
  const redis = { server: "redis.internal:6379", up: false, since: AT, shared: ["breaker"], spool: false } as const;
  const given = (more: Partial<RedisStatus>) => ({
    status: () => ({ ...adminServices().status(), redis: { ...redis, ...more } }),
  });
  expect(await health(given({}))).toMatchObject({ status: "degraded", reasons: [{ code: "redis_away" }] });
  const worse = await health(given({ spool: true }));
  expect(worse.codes).toEqual([["redis_away", "unhealthy", null, null]]);
  expect(worse.reasons[0]?.message).toContain("redis.internal:6379");
  expect((await health(given({ up: true }))).status).toBe("healthy");
});

test("an alert that fires is told; one that is silenced, pending or over is not", async () => {
  const silence = { until: AT + 1000, by: "ops", reason: null };
  const alerts = testAlerts([
    alertOf(),
    alertOf({ id: "b", silence }),
    alertOf({ id: "c", phase: "pending" }),
    alertOf({ id: "d", phase: "resolved" }),
  ]);
  const found = await health({ alerts });
  expect(found.codes).toEqual([["alert_firing", "degraded", "quiz", "winner"]]);
  expect(found.reasons[0]?.message).toMatch(
    /success rate 80 % is below 95 %.* \(checked at 2026-01-01T00:00:00.000Z\)\.$/,
  );
});

test("a few failures say little", async () => {
  const clock = createManualClock(AT);
  const { calls, called } = testCalls(clock);
  called("quiz/winner", { outcome: "failed", reason: "connect" }, 10);
  expect((await health({ calls, clock })).status).toBe("healthy");
});

test("a spool that is full or away, and a route that its app says is gone", async () => {
  const deliveries = testDeliveries();
  deliveries.info = {
    full: "jobs",
    routes: [
      {
        app: "quiz",
        capability: "winner",
        queued: 7,
        leased: 0,
        verifying: 0,
        dead: 0,
        parked: { cause: "gone", since: AT, by: null },
      },
    ],
  };
  const full = await health({ deliveries });
  expect([full.status, full.codes.map(([code]) => code)]).toEqual(["unhealthy", ["spool_full", "route_gone"]]);
  deliveries.away = true;
  expect((await health({ deliveries })).codes).toEqual([["spool_away", "unhealthy", null, null]]);
});

test("a manifest that was refused; a history that is away; a store that failed lately, not one that did long ago", async () => {
  const manifest = { ...adminServices().manifest, rejection: () => ({ at: AT, by: "file", problems: ["a", "b"] }) };
  expect((await health({ manifest })).codes).toEqual([["manifest_rejected", "degraded", null, null]]);
  const calls = { ...emptyCalls(), series: () => Promise.reject(new Error("away")) };
  expect((await health({ calls })).codes).toEqual([["storage_failing", "unhealthy", null, null]]);
  const failing = (at: number) => (admin: TestAdmin) =>
    admin.bus.emit({ type: "storage.failing", at, store: "spool", detail: "the disk is full" });
  expect((await health({}, failing(AT - 1000))).codes).toEqual([["storage_failing", "unhealthy", null, null]]);
  expect((await health({}, failing(AT - 3_600_000))).status).toBe("healthy");
});

test("an app that is dead comes before what only follows from it, and before what is worse of no app", async () => {
  const clock = createManualClock(AT);
  const { calls, called } = testCalls(clock);
  called("quiz/winner", { outcome: "failed", reason: "connect", status: 502 }, 100);
  clock.advance(60_000);
  const dead = { ...down, app: "quiz" };
  const found = await health({ calls, clock, failover: testFailover([appHealth({ app: "shop" }), dead]) });
  expect(found.codes).toEqual([
    ["app_unhealthy", "degraded", "quiz", null],
    ["low_success", "unhealthy", null, null],
    ["low_success", "degraded", "quiz", null],
    ["app_degraded", "degraded", "shop", null],
  ]);
  expect(found.status).toBe("unhealthy");
  const deliveries = testDeliveries();
  deliveries.away = true;
  const worse = await health({ deliveries, failover: testFailover([singleApp("shop"), dead]) });
  expect(worse.codes.map(([code]) => code)).toEqual(["spool_away", "app_unhealthy"]);
});

test("the worst come first, and no more than a hundred are told", async () => {
  const list = () => Array.from({ length: 300 }, (_, i) => breakerInfo({ capability: `c${i}`, state: "open" }));
  const deliveries = testDeliveries();
  deliveries.away = true;
  const found = await health({ breakers: { ...adminServices().breakers, list }, deliveries });
  expect([found.reasons.length, found.reasons_total, found.codes[0]?.[0]]).toEqual([100, 301, "spool_away"]);
});
