import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { openStorage, type Storage } from "../../src/storage/storage.ts";
import { api, apiAsViewer, startAdmin } from "../help/admin.ts";
import { appHealth, newMove, singleApp, testFailover, upstreamHealth } from "../help/failover.ts";
import { createManualClock } from "../help/manual-clock.ts";

async function storage(): Promise<Storage> {
  const dataDir = mkdtempSync(join(tmpdir(), "outrigger-admin-"));
  const opened = await openStorage({ dataDir, clock: systemClock, onEvent: () => {} });
  onTestFinished(async () => {
    await opened.close();
    rmSync(dataDir, { recursive: true });
  });
  return opened;
}

const AT = 1_767_225_600_000;
const two = () => testFailover([singleApp("shop"), appHealth()]);

test("apps are listed by name with their status, and each upstream with its last check, response time and failures", async () => {
  const admin = await startAdmin({ failover: two() });
  const { body } = await api(admin, "/health/apps");
  expect(body).toEqual({
    items: [
      {
        app: "quiz",
        status: "degraded",
        active: "backup",
        pinned: null,
        panic: false,
        upstreams: [
          expect.objectContaining({ upstream: "primary", active: false, consecutive_failures: 12, response_ms: null }),
          {
            upstream: "backup",
            url: "http://10.0.0.6:9000",
            priority: 1,
            weight: 1,
            active: true,
            standing: "serving",
            since: "2026-01-01T00:00:00.000Z",
            cause: null,
            status: "healthy",
            well_since: null,
            returns_at: null,
            consecutive_failures: 0,
            samples: 40,
            response_ms: 8.765,
            success_rate: 97.5,
            last_check: {
              at: "2026-01-01T00:00:01.000Z",
              status: "healthy",
              answered: true,
              http_status: 200,
              duration_ms: 12.346,
              reason: null,
              proxy_error: null,
              detail: null,
            },
            last_failure: null,
          },
        ],
      },
      expect.objectContaining({
        app: "shop",
        status: "unknown",
        upstreams: [expect.objectContaining({ active: true })],
      }),
    ],
    next: null,
  });
});

test("apps can be filtered by status, and come in parts", async () => {
  const admin = await startAdmin({ failover: two() });
  const namesOf = async (query: string): Promise<unknown> =>
    ((await api(admin, `/health/apps?${query}`)).body.items as { app: string }[]).map(({ app }) => app);
  expect(await namesOf("status=unknown")).toEqual(["shop"]);
  expect(await namesOf("status=healthy")).toEqual([]);
  expect((await api(admin, "/health/apps?status=fine")).status).toBe(400);
  for (const path of ["/health/apps", "/failover"]) {
    const first = await api(admin, `${path}?limit=1`);
    expect(first.body).toMatchObject({ items: [{ app: "quiz" }], next: expect.any(String) });
    expect((await api(admin, `${path}?cursor=${first.body.next}`)).body).toMatchObject({
      items: [{ app: "shop" }],
      next: null,
    });
  }
});

test("one app shows what its own health said, to a viewer too, and the list does not", async () => {
  const admin = await startAdmin({ failover: two() });
  expect((await apiAsViewer(admin, "/health/apps/quiz")).body).toMatchObject({
    app: "quiz",
    upstreams: [
      {
        last_check: {
          status: "unhealthy",
          answered: false,
          http_status: 0,
          reason: "connect",
          proxy_error: "connection_refused",
          detail: "connect ECONNREFUSED 10.0.0.5:9000",
          details: null,
        },
      },
      { last_check: { status: "healthy", details: { status: "ok", queue: 3 } } },
    ],
  });
  expect((await api(admin, "/health/apps/shop")).body).toMatchObject({ upstreams: [{ last_check: null }] });
  expect(JSON.stringify((await api(admin, "/health/apps")).body)).not.toContain("details");
});

test("failover says how each upstream stands and why, and how long its hold still is", async () => {
  const clock = createManualClock(AT + 10_000);
  const waiting = upstreamHealth({
    standing: "away",
    cause: "consecutive_failures",
    wellSince: AT + 4_000,
    returnsAt: AT + 34_000,
  });
  const overdue = upstreamHealth({ upstream: "third", standing: "away", cause: "probe", returnsAt: AT });
  const health = appHealth({ upstreams: [waiting, overdue, upstreamHealth({ upstream: "backup", active: true })] });
  const admin = await startAdmin({ clock, failover: testFailover([health]) });
  expect((await api(admin, "/failover")).body).toEqual({
    items: [
      {
        app: "quiz",
        active: "backup",
        pinned: null,
        panic: false,
        upstreams: [
          {
            upstream: "primary",
            priority: 0,
            weight: 1,
            active: false,
            standing: "away",
            since: "2026-01-01T00:00:00.000Z",
            cause: "consecutive_failures",
            status: "healthy",
            well_since: "2026-01-01T00:00:04.000Z",
            returns_at: "2026-01-01T00:00:34.000Z",
            hold_left_ms: 24_000,
          },
          expect.objectContaining({ upstream: "third", hold_left_ms: 0 }),
          expect.objectContaining({ upstream: "backup", active: true, returns_at: null, hold_left_ms: null }),
        ],
      },
    ],
    next: null,
  });
});

test("the moves of an app come with it, newest first in parts, with reason and duration", async () => {
  const { history, flush } = await storage();
  history.addMove(newMove());
  history.addMove(newMove({ app: "shop" }));
  history.addMove(newMove({ kind: "failback", from: "backup", to: "primary", reason: "recovered", at: AT + 60_000 }));
  history.addMove(newMove({ from: null, reason: "operator", by: "ops", at: AT + 90_000, durationMs: 0 }));
  await flush();
  const admin = await startAdmin({ failover: testFailover([appHealth(), singleApp("shop")], history) });
  const first = await api(admin, "/failover/quiz?limit=2");
  expect(first.body).toMatchObject({
    app: "quiz",
    active: "backup",
    moves: {
      items: [
        { id: 4, kind: "failover", from: null, to: "backup", reason: "operator", by: "ops", duration_ms: 0 },
        { id: 3, kind: "failback", from: "backup", to: "primary", reason: "recovered", at: "2026-01-01T00:01:00.000Z" },
      ],
      next: "3",
    },
  });
  expect((await api(admin, "/failover/quiz?limit=2&cursor=3")).body.moves).toEqual({
    items: [
      {
        id: 1,
        at: "2026-01-01T00:00:00.000Z",
        kind: "failover",
        from: "primary",
        to: "backup",
        reason: "hang",
        by: null,
        duration_ms: 812.346,
      },
    ],
    next: null,
  });
  expect((await api(admin, "/failover/quiz?cursor=x")).status).toBe(400);
});

test("while the history does not answer, where the traffic goes is shown all the same", async () => {
  const failover = two();
  failover.away = true;
  const admin = await startAdmin({ failover });
  expect(await api(admin, "/failover/quiz")).toMatchObject({ status: 200, body: { active: "backup", moves: null } });
  expect(admin.errors).toEqual([]);
});

test("an operator switches and releases, sees what became of it, and is in the audit log", async () => {
  const failover = two();
  const admin = await startAdmin({ failover });
  expect(await api(admin, "/failover/quiz/switch", { to: "primary" })).toMatchObject({
    status: 200,
    body: {
      active: "primary",
      pinned: { upstream: "primary", by: "ops", at: "2026-01-01T00:00:05.000Z" },
      upstreams: [{ upstream: "primary", active: true }, { active: false }],
    },
  });
  expect(await api(admin, "/failover/quiz/release", undefined, "POST")).toMatchObject({
    status: 200,
    body: { pinned: null },
  });
  expect(failover.calls).toEqual([
    ["switch", "quiz", "primary", "ops"],
    ["release", "quiz", "ops"],
  ]);
  expect(admin.audit.map(({ by, action, target, detail }) => [by, action, target, detail])).toEqual([
    ["ops", "failover.switch", "quiz", "pinned to primary, was on backup"],
    ["ops", "failover.release", "quiz", "was pinned to primary by ops"],
  ]);
});

test("what cannot be done says why and what there is, and is not in the audit log", async () => {
  const admin = await startAdmin({ failover: two() });
  const noApp = {
    status: 404,
    body: { type: "urn:outrigger:problem:no-app", detail: "the manifest has no app chess" },
  };
  expect(await api(admin, "/health/apps/chess")).toMatchObject(noApp);
  expect(await api(admin, "/failover/chess")).toMatchObject(noApp);
  expect(await api(admin, "/failover/chess/switch", { to: "backup" })).toMatchObject(noApp);
  expect(await api(admin, "/failover/chess/release", undefined, "POST")).toMatchObject(noApp);
  expect(await api(admin, "/failover/quiz/switch", { to: "tertiary" })).toMatchObject({
    status: 422,
    body: {
      type: "urn:outrigger:problem:no-upstream",
      detail: "quiz has no tertiary, but primary, backup",
      upstreams: ["primary", "backup"],
    },
  });
  expect(await api(admin, "/failover/shop/switch", { to: "primary" })).toMatchObject({
    status: 409,
    body: { type: "urn:outrigger:problem:single-upstream" },
  });
  expect(await api(admin, "/failover/quiz/release", undefined, "POST")).toMatchObject({
    status: 409,
    body: { type: "urn:outrigger:problem:not-pinned" },
  });
  expect((await api(admin, "/failover/quiz/switch", {})).status).toBe(400);
  expect((await api(admin, "/failover/quiz/switch", { to: "backup", now: true })).status).toBe(400);
  expect(admin.audit).toEqual([]);
});

test("a viewer reads all of it and moves nothing", async () => {
  const failover = two();
  const admin = await startAdmin({ failover });
  for (const path of ["/health/apps", "/health/apps/quiz", "/failover", "/failover/quiz"])
    expect((await apiAsViewer(admin, path)).status, path).toBe(200);
  for (const path of ["/failover/quiz/switch", "/failover/quiz/release"])
    expect((await apiAsViewer(admin, path, "POST")).status, path).toBe(403);
  expect(failover.calls).toEqual([]);
});
