import { expect, test } from "vitest";
import type { CallOverviewView } from "../../src/admin/routes/webhook-metrics.ts";
import type { AdminServices, RouteInfo } from "../../src/admin/services.ts";
import { adminServices, api, apiAsViewer, startAdmin, type TestAdmin } from "../help/admin.ts";
import { emptyCalls, testCalls } from "../help/calls.ts";
import { createManualClock, type ManualClock } from "../help/manual-clock.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOON = Date.parse("2026-03-04T12:00:00Z");

function routesOf(...keys: readonly string[]): readonly RouteInfo[] {
  const [like] = adminServices().routes();
  if (like === undefined) throw new Error("the services of tests have a route");
  return keys.map((key) => ({ ...like, app: key.split("/")[0] ?? "", capability: key.split("/")[1] ?? "" }));
}

/** An admin listener over a real history. */
async function rig(keys: readonly string[] = ["quiz/winner", "quiz/answer", "poll/closed"]) {
  const clock: ManualClock = createManualClock(NOON);
  const { calls, called } = testCalls(clock);
  const services: Partial<AdminServices> = { clock, calls, routes: () => routesOf(...keys) };
  return { clock, called, calls, admin: await startAdmin(services) };
}

async function overview(admin: TestAdmin, path: string): Promise<CallOverviewView> {
  const { status, body } = await api(admin, `/webhook-metrics${path}`);
  expect([path, status]).toEqual([path, 200]);
  return body as unknown as CallOverviewView;
}

test("counts, rates, percentiles and a series of a route, of its app, and of all", async () => {
  const { admin, called, clock } = await rig();
  for (let ms = 1; ms <= 100; ms++) called("quiz/winner", { durationMs: ms });
  clock.advance(10 * MINUTE);
  called("quiz/winner", { outcome: "failed", reason: "timeout", status: 504, durationMs: 1000 }, 25);
  called("quiz/answer", { outcome: "declined", status: 404 });
  called("poll/closed", { outcome: "rejected", reason: "rate_limit", status: 429 });
  const found = await overview(admin, "/quiz/winner?window=1h&step=5m");
  expect(found).toMatchObject({
    app: "quiz",
    capability: "winner",
    from: "2026-03-04T11:10:00.000Z",
    to: "2026-03-04T12:15:00.000Z",
    step_ms: 5 * MINUTE,
    total: { count: 125, judged: 125, success: 100, success_rate: 80, timeouts: 25, timeout_rate: 20, max_ms: 1000 },
  });
  expect(Math.abs((found.total.p50_ms ?? 0) - 63) / 63).toBeLessThan(0.01);
  expect(Math.abs((found.total.p95_ms ?? 0) - 1000) / 1000).toBeLessThan(0.01);
  expect(found.series).toHaveLength(13);
  expect(
    found.series.filter(({ count }) => count > 0).map((point) => [point.at, point.count, point.success_rate]),
  ).toEqual([
    ["2026-03-04T12:00:00.000Z", 100, 100],
    ["2026-03-04T12:10:00.000Z", 25, 0],
  ]);
  expect((await overview(admin, "/quiz")).total).toMatchObject({ count: 126, success: 101 });
  expect((await overview(admin, "")).total).toMatchObject({ count: 127, judged: 126, outcomes: { rejected: 1 } });
});

test("lines of every app or route with what a sparkline needs, in one request and in parts", async () => {
  const { admin, called, clock } = await rig();
  called("quiz/winner", {}, 3);
  clock.advance(30 * MINUTE);
  called("quiz/answer", { outcome: "failed", reason: "connect", status: 502 }, 2);
  const byRoute = await overview(admin, "?by=route&window=1h");
  expect(byRoute.lines?.items.map(({ app, capability, total }) => [app, capability, total.count])).toEqual([
    ["poll", "closed", 0],
    ["quiz", "answer", 2],
    ["quiz", "winner", 3],
  ]);
  const spark = byRoute.lines?.items[1]?.spark;
  expect([spark?.count.length, spark?.failed.at(-1), spark?.p95_ms[0]]).toEqual([byRoute.series.length, 2, null]);
  expect(byRoute.series.map(({ count }) => count)).toEqual(
    byRoute.series.map((_, i) =>
      (byRoute.lines?.items ?? []).reduce((sum, line) => sum + (line.spark.count[i] ?? 0), 0),
    ),
  );
  const first = await overview(admin, "?by=app&limit=1");
  expect(first.lines?.items.map(({ app, capability }) => [app, capability])).toEqual([["poll", null]]);
  const second = await overview(admin, `?by=app&limit=1&cursor=${first.lines?.next}`);
  expect(second.lines).toMatchObject({ items: [{ app: "quiz", total: { count: 5 } }], next: null });
  const own = await overview(admin, "/quiz?by=route&window=24h");
  expect(own.lines?.items.map(({ capability }) => capability)).toEqual(["answer", "winner"]);
  expect((await overview(admin, "")).lines).toBe(null);
});

test("a page of ten thousand routes is cut where reading it would take long, and goes on after that", async () => {
  const keys = Array.from({ length: 10_000 }, (_, i) => `app${i % 100}/c${i}`);
  const { admin, called } = await rig(keys);
  for (const key of keys) called(key);
  const first = await overview(admin, "?by=route&window=7d&limit=1000");
  const count = first.lines?.items.length ?? 0;
  expect(count).toBeGreaterThan(50);
  expect(count).toBeLessThan(100);
  expect(first.total.count).toBe(10_000);
  const second = await overview(admin, `?by=route&window=7d&limit=1000&cursor=${first.lines?.next}`);
  const names = [first, second].flatMap(({ lines }) =>
    lines?.items.map(({ app, capability }) => `${app}/${capability}`),
  );
  expect(names).toEqual([...keys].sort().slice(0, 2 * count));
  expect((await overview(admin, "?by=route&limit=1000")).lines?.items.length).toBe(250);
});

test("any span of time, in steps that suit it", async () => {
  const { admin, called, clock } = await rig();
  called("quiz/winner", {}, 4);
  clock.advance(3 * 24 * HOUR);
  expect((await overview(admin, "?window=7d")).total.count).toBe(4);
  const [from, to] = ["2026-03-04T13:30:00%2B01:00", "2026-03-05T00:00:00Z"];
  expect(await overview(admin, `?from=${from}&to=${to}`)).toMatchObject({
    from: "2026-03-04T12:00:00.000Z",
    step_ms: HOUR,
    total: { count: 4 },
  });
  expect((await overview(admin, "?from=2025-03-04T12:00:00Z")).series.length).toBeLessThanOrEqual(400);
  expect((await overview(admin, "?window=7d&step=1d")).series.map(({ count }) => count)).toContain(4);
});

test.each([
  ["window=1h&from=2026-03-04T00:00:00Z", "query.window"],
  ["to=2026-03-04T00:00:00Z", "query.from"],
  ["from=2026-03-04T02:00:00Z&to=2026-03-04T02:00:00Z", "query.to"],
  ["window=7d&step=5m", "query.step"],
  ["step=7m", "query.step"],
  ["step=90m", "query.step"],
  ["step=5s", "query.step"],
  ["from=yesterday", "query.from"],
  ["window=2h", "query.window"],
  ["by=upstream", "query.by"],
  ["from=1970-01-01T00:00:00Z&step=1h", "query.step"],
  ["window=24h&step=1m&by=route", "query.step"],
])("%s is refused, and the answer says where", async (query, path) => {
  const { admin } = await rig();
  const { status, body } = await api(admin, `/webhook-metrics?${query}`);
  expect(status).toBe(400);
  expect(body.issues).toMatchObject([{ path }]);
});

test("of a route that the manifest has no more, what is kept is shown; of one that never was, 404", async () => {
  const { admin, called, clock, calls } = await rig(["quiz/winner"]);
  called("old/route");
  clock.advance(MINUTE);
  await calls.stop();
  expect((await overview(admin, "/old/route")).total.count).toBe(1);
  expect((await api(admin, "/webhook-metrics/never")).status).toBe(404);
  expect((await api(admin, "/webhook-metrics/quiz/never")).status).toBe(404);
  expect((await api(admin, "/webhook-metrics/quiz/never/samples")).status).toBe(404);
});

test("single calls, newest first, in parts, all or only failures", async () => {
  const { admin, called, calls, clock } = await rig();
  called("quiz/winner", { id: "one", durationMs: 12.34567 });
  clock.advance(1000);
  called("quiz/winner", { id: "two", outcome: "fallback", reason: "timeout", strategy: "static", status: 200 });
  called("quiz/winner", { id: "three", outcome: "aborted", status: 0, attempts: [] });
  await calls.stop();
  const path = "/webhook-metrics/quiz/winner/samples";
  const { body } = await apiAsViewer(admin, `${path}?limit=2`);
  expect(body.items).toMatchObject([
    { request_id: "three", success: null, outcome: "aborted", attempts: 0 },
    { request_id: "two", success: false, timeout: true, error: "timeout", at: "2026-03-04T12:00:01.000Z" },
  ]);
  const rest = await api(admin, `${path}?cursor=${String(body.next)}`);
  expect(rest.body).toEqual({
    items: [
      {
        id: 1,
        at: "2026-03-04T12:00:00.000Z",
        duration_ms: 12.346,
        success: true,
        timeout: false,
        outcome: "ok",
        error: null,
        status: 200,
        attempts: 1,
        request_id: "one",
      },
    ],
    next: null,
  });
  expect((await api(admin, `${path}?failures=true`)).body.items).toMatchObject([{ request_id: "two" }]);
  expect((await api(admin, `${path}?cursor=x`)).status).toBe(400);
});

test("a history that is away is no bug", async () => {
  const away = () => Promise.reject(new Error("away"));
  const admin = await startAdmin({ calls: { ...emptyCalls(), series: away, samples: away, known: away } });
  for (const path of ["", "/quiz", "/quiz/winner", "/quiz/winner/samples", "/other"]) {
    const { status, body } = await api(admin, `/webhook-metrics${path}`);
    expect([path, status, body.type]).toEqual([path, 503, "urn:outrigger:problem:history-away"]);
  }
  expect(admin.errors).toEqual([]);
});
