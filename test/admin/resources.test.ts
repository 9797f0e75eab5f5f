import { expect, test } from "vitest";
import type { ExplainRequest } from "../../src/admin/services.explain.ts";
import type { BreakerInfo, BreakerService, ManifestService, RouteInfo } from "../../src/admin/services.ts";
import { adminServices, api, apiAsViewer, breakerInfo, startAdmin } from "../help/admin.ts";
import { appHealth, singleApp, testFailover } from "../help/failover.ts";
import { createManualClock } from "../help/manual-clock.ts";

const breakersOf = (list: readonly BreakerInfo[], more: Partial<BreakerService> = {}): BreakerService => ({
  list: () => list,
  reset: () => "done",
  trip: () => "done",
  ...more,
});
const manifestWith = (more: Partial<ManifestService>): ManifestService => ({ ...adminServices().manifest, ...more });

test("breakers are shown by route, each upstream with state, counts and times, and the route open when none admits", async () => {
  const open = breakerInfo({ state: "open", until: 1_767_225_660_000, consecutiveFailures: 5, reopenings: 1 });
  const admin = await startAdmin({
    clock: createManualClock(1_767_225_600_000),
    breakers: breakersOf([open, breakerInfo({ upstream: "backup" }), { ...open, capability: "answer" }]),
  });
  const { body } = await api(admin, "/circuit-breaker/status");
  expect(body).toEqual({
    items: [
      expect.objectContaining({ app: "quiz", capability: "answer", open: true }),
      expect.objectContaining({ app: "quiz", capability: "winner", open: false }),
    ],
    next: null,
  });
  expect((await api(admin, "/circuit-breaker/quiz/answer")).body).toEqual({
    app: "quiz",
    capability: "answer",
    open: true,
    upstreams: [
      {
        upstream: "primary",
        state: "open",
        since: "2026-01-01T00:00:00.000Z",
        until: "2026-01-01T00:01:00.000Z",
        trial_due: false,
        consecutive_failures: 5,
        window_total: 0,
        window_failures: 0,
        reopenings: 1,
        dry_run: false,
        enabled: true,
      },
    ],
  });
});

test("a breaker that only counts does not make its route open", async () => {
  const admin = await startAdmin({ breakers: breakersOf([breakerInfo({ state: "open", dryRun: true })]) });
  expect((await api(admin, "/circuit-breaker/quiz/winner")).body).toMatchObject({ open: false });
});

test("breakers can be filtered by app and by state", async () => {
  const admin = await startAdmin({
    breakers: breakersOf([
      breakerInfo(),
      breakerInfo({ app: "shop" }),
      breakerInfo({ app: "shop", capability: "x", state: "open" }),
    ]),
  });
  const names = async (query: string): Promise<string[]> => {
    const { items } = (await api(admin, `/circuit-breaker/status?${query}`)).body as {
      items: { app: string; capability: string }[];
    };
    return items.map(({ app, capability }) => `${app}/${capability}`);
  };
  expect(await names("app=shop")).toEqual(["shop/winner", "shop/x"]);
  expect(await names("state=open")).toEqual(["shop/x"]);
  expect(await names("app=shop&state=closed")).toEqual(["shop/winner"]);
});

test("one route, or one app, is shown without a look into the breakers of others, however many there are", async () => {
  let looks = 0;
  const other = {
    ...breakerInfo({ app: "shop" }),
    get windowTotal() {
      looks++;
      return 0;
    },
  };
  const admin = await startAdmin({ breakers: breakersOf([other, breakerInfo()]) });
  await api(admin, "/circuit-breaker/quiz/winner");
  await api(admin, "/circuit-breaker/quiz/winner/reset", undefined, "POST");
  await api(admin, "/circuit-breaker/status?app=quiz");
  expect(looks).toBe(0);
  await api(admin, "/circuit-breaker/shop/winner");
  expect(looks).toBe(1);
});

test("an operator resets and trips a breaker by its route, sees what became of it, and is in the audit log", async () => {
  const calls: unknown[] = [];
  let state: BreakerInfo["state"] = "closed";
  const admin = await startAdmin({
    breakers: {
      list: () => [breakerInfo({ state })],
      reset: (...given) => {
        calls.push(["reset", ...given]);
        state = "closed";
        return "done";
      },
      trip: (...given) => {
        calls.push(["trip", ...given]);
        state = "open";
        return "done";
      },
    },
  });
  const tripped = await api(admin, "/circuit-breaker/quiz/winner/trip", { for_ms: 60_000 });
  expect(tripped).toMatchObject({ status: 200, body: { open: true, upstreams: [{ state: "open" }] } });
  const reset = await api(admin, "/circuit-breaker/quiz/winner/reset", undefined, "POST");
  expect(reset).toMatchObject({ status: 200, body: { open: false, upstreams: [{ state: "closed" }] } });
  await api(admin, "/circuit-breaker/quiz/winner/trip", undefined, "POST");
  expect(calls).toEqual([
    ["trip", "quiz", "winner", "ops", 60_000],
    ["reset", "quiz", "winner", "ops"],
    ["trip", "quiz", "winner", "ops", undefined],
  ]);
  expect(admin.audit.map(({ by, action, target, detail }) => [by, action, target, detail])).toEqual([
    ["ops", "breaker.trip", "quiz/winner", "opened for 60000 ms"],
    ["ops", "breaker.reset", "quiz/winner", "closed"],
    ["ops", "breaker.trip", "quiz/winner", "opened"],
  ]);
});

test("a route that is not there is 404, a switched off breaker 409, and neither is in the audit log", async () => {
  const admin = await startAdmin({ breakers: breakersOf([], { reset: () => "no_route", trip: () => "disabled" }) });
  expect(await api(admin, "/circuit-breaker/quiz/nothing")).toMatchObject({
    status: 404,
    body: { type: "urn:outrigger:problem:no-route", detail: "the manifest has no breaker for quiz/nothing" },
  });
  expect((await api(admin, "/circuit-breaker/quiz/nothing/reset", undefined, "POST")).status).toBe(404);
  expect((await api(admin, "/circuit-breaker/quiz/winner/trip", {})).status).toBe(409);
  expect((await api(admin, "/circuit-breaker/quiz/winner/trip", { for_ms: 0 })).status).toBe(400);
  expect(admin.audit).toEqual([]);
});

test("a long list comes in parts, in order, none twice and none left out, though a reload takes some away", async () => {
  const route = (i: number): BreakerInfo => breakerInfo({ capability: `c${String(i).padStart(3, "0")}` });
  let list = Array.from({ length: 25 }, (_, i) => route(i)).reverse();
  const admin = await startAdmin({ breakers: { ...breakersOf([]), list: () => list } });
  const seen: string[] = [];
  let cursor = "";
  for (let part = 0; part < 3; part++) {
    const { body } = await api(admin, `/circuit-breaker/status?limit=10${cursor}`);
    const { items, next } = body as { items: { capability: string }[]; next: string | null };
    seen.push(...items.map(({ capability }) => capability));
    if (part === 0) list = list.filter(({ capability }) => capability !== "c009");
    cursor = `&cursor=${next}`;
    expect(next === null).toBe(part === 2);
  }
  expect(seen).toEqual(Array.from({ length: 25 }, (_, i) => `c${String(i).padStart(3, "0")}`));
});

test("the status tells version, readiness, manifest, apps, breakers and what is in flight", async () => {
  const pinned = appHealth({ app: "shop", pinned: { upstream: "backup", by: "ops", at: 0 } });
  const admin = await startAdmin({
    failover: testFailover([singleApp("quiz"), pinned]),
    breakers: breakersOf([breakerInfo(), breakerInfo({ upstream: "b", state: "open" })]),
  });
  expect((await api(admin, "/status")).body).toMatchObject({
    version: "1.2.3",
    ready: true,
    reasons: [],
    uptime_ms: expect.any(Number),
    manifest: { revision: 3, hash: "abc", applied_at: "2026-01-01T00:00:00.000Z", by: "start", warnings: 0 },
    routes: 1,
    apps: { healthy: 0, degraded: 1, unhealthy: 0, unknown: 1, pinned: 1 },
    breakers: { closed: 1, half_open: 0, open: 1 },
    in_flight: { quiz: 2 },
  });
});

test("routes are listed with what they match, their limits, and the breaker of each upstream", async () => {
  const [quiz] = adminServices().routes() as [RouteInfo];
  const shop: RouteInfo = { ...quiz, app: "shop", match: { ...quiz.match, methods: null } };
  const admin = await startAdmin({
    routes: () => [shop, quiz],
    breakers: breakersOf([breakerInfo({ state: "half_open" })]),
  });
  expect((await api(admin, "/routes?app=quiz")).body).toEqual({
    items: [
      {
        app: "quiz",
        capability: "winner",
        mode: "sync",
        match: { path: "/quiz/winner", methods: ["POST"], host: null, headers: { "X-Event": "winner" } },
        timeout_ms: 5000,
        attempts: 2,
        fallback: ["random_pick"],
        upstreams: [{ name: "primary", url: "http://10.0.0.5:9000", priority: 0, breaker: "half_open", active: true }],
      },
    ],
    next: null,
  });
  expect((await api(admin, "/routes")).body).toMatchObject({
    items: [{ app: "quiz" }, { app: "shop", match: { methods: null }, upstreams: [{ breaker: null, active: false }] }],
  });
});

test("the manifest is shown as it runs, and another text can be checked without applying it", async () => {
  const problem = {
    file: "outrigger.yaml",
    line: 3,
    col: 5,
    path: "apps.quiz.url",
    message: "no URL",
    severity: "error" as const,
  };
  const admin = await startAdmin({
    manifest: manifestWith({
      validate: (text) => (text === "good" ? [{ ...problem, severity: "warning" }] : [problem]),
    }),
  });
  expect((await api(admin, "/manifest")).body).toEqual({
    revision: 3,
    hash: "abc",
    applied_at: "2026-01-01T00:00:00.000Z",
    by: "start",
    warnings: [],
    manifest: { version: 1, admin: { tokens: "***" } },
  });
  expect((await api(admin, "/manifest/validate", { text: "bad" })).body).toEqual({ ok: false, problems: [problem] });
  expect((await api(admin, "/manifest/validate", { text: "good" })).body).toMatchObject({ ok: true });
});

test("a reload says the new revision, a refused one why, and both are in the audit log", async () => {
  let refuse = false;
  const reloadedBy: string[] = [];
  const admin = await startAdmin({
    manifest: manifestWith({
      reload: async (by) => {
        reloadedBy.push(by);
        return refuse
          ? { ok: false, error: ["outrigger.yaml:1:1 apps: missing"] }
          : { ok: true, value: { revision: 4 } };
      },
    }),
  });
  expect(await api(admin, "/manifest/reload", undefined, "POST")).toMatchObject({ status: 200, body: { revision: 4 } });
  refuse = true;
  expect(await api(admin, "/manifest/reload", undefined, "POST")).toMatchObject({
    status: 422,
    body: { type: "urn:outrigger:problem:manifest-refused", problems: ["outrigger.yaml:1:1 apps: missing"] },
  });
  expect(reloadedBy).toEqual(["ops", "ops"]);
  expect(admin.audit.map(({ action, detail }) => [action, detail])).toEqual([
    ["manifest.reload", "revision 4"],
    ["manifest.reload", "refused: 1 problem"],
  ]);
});

test("stored lists come newest first with a cursor of their own, and a foreign one is refused", async () => {
  const asked: unknown[] = [];
  const admin = await startAdmin({
    manifest: manifestWith({
      revisions: async (page) => {
        asked.push(page);
        return { items: [{ revision: 7, hash: "h", at: 0, by: "start", files: 1, bytes: 10 }], next: 7 };
      },
    }),
    audit: {
      add: () => {},
      list: async (page) => {
        asked.push(page);
        return {
          items: [{ id: 9, at: 0, by: "ops", action: "breaker.reset", target: "quiz/winner", detail: "closed" }],
          next: null,
        };
      },
    },
  });
  expect((await api(admin, "/manifest/revisions?limit=1")).body).toEqual({
    items: [{ revision: 7, hash: "h", at: "1970-01-01T00:00:00.000Z", by: "start", files: 1, bytes: 10 }],
    next: "7",
  });
  expect((await api(admin, "/audit?cursor=7")).body).toEqual({
    items: [
      {
        id: 9,
        at: "1970-01-01T00:00:00.000Z",
        by: "ops",
        action: "breaker.reset",
        target: "quiz/winner",
        detail: "closed",
      },
    ],
    next: null,
  });
  expect(asked).toEqual([
    { limit: 1, cursor: null },
    { limit: 100, cursor: 7 },
  ]);
  for (const path of ["/manifest/revisions", "/audit"])
    expect(await api(admin, `${path}?cursor=x'--`)).toMatchObject({
      status: 400,
      body: { issues: [{ path: "query.cursor" }] },
    });
});

test("a revision says what it resolved to, where it is still kept", async () => {
  const admin = await startAdmin();
  expect((await api(admin, "/manifest/revisions/3")).body).toEqual({
    revision: 3,
    manifest: { version: 1, admin: { tokens: "***" } },
  });
  expect((await api(admin, "/manifest/revisions/2")).status).toBe(404);
  for (const none of ["0", "x", "1.5", "99999999999999999999"])
    expect([none, (await api(admin, `/manifest/revisions/${none}`)).status]).toEqual([none, 400]);
});

test("whoever asks is told whose token it is", async () => {
  const admin = await startAdmin();
  expect((await api(admin, "/me")).body).toEqual({ name: "ops", role: "operator" });
  expect((await apiAsViewer(admin, "/me")).body).toEqual({ name: "watcher", role: "viewer" });
});

test("explain says the route, each value and the worst case, or why none answers", async () => {
  const asked: ExplainRequest[] = [];
  const admin = await startAdmin({
    manifest: manifestWith({
      explain(request) {
        asked.push(request);
        if (request.path === "/none") return { kind: "none" };
        if (request.method === "GET") return { kind: "method", allow: ["POST"] };
        return {
          kind: "found",
          explanation: {
            route: "quiz/winner",
            values: [{ path: "timeout", value: "5s", origin: "outrigger.yaml:12" }],
            timeline: {
              tries: [{ attempt: 1, startsAtMs: 0, upToMs: 5000, waitMs: 0 }],
              triesEndMs: 5000,
              answeredByMs: 5500,
              note: null,
            },
          },
        };
      },
    }),
  });
  expect(await api(admin, "/explain", { path: "/quiz/winner?x=1", headers: { Host: "a.example" } })).toMatchObject({
    status: 200,
    body: {
      route: "quiz/winner",
      values: [{ path: "timeout", value: "5s", origin: "outrigger.yaml:12" }],
      timeline: {
        tries: [{ attempt: 1, starts_at_ms: 0, up_to_ms: 5000, wait_ms: 0 }],
        tries_end_ms: 5000,
        answered_by_ms: 5500,
        note: null,
      },
    },
  });
  expect(asked).toEqual([{ method: "POST", path: "/quiz/winner", headers: ["Host", "a.example"] }]);
  expect((await api(admin, "/explain", { method: "get", path: "/quiz/winner" })).body).toMatchObject({
    status: 404,
    detail: "/quiz/winner takes POST",
  });
  expect((await api(admin, "/explain", { path: "/none" })).status).toBe(404);
  expect(
    (await api(admin, "/explain", { path: "none", method: "A B", headers: { "X Y": "a\nb" } })).body,
  ).toMatchObject({
    status: 400,
    issues: expect.arrayContaining([
      expect.objectContaining({ path: "body.path" }),
      expect.objectContaining({ path: "body.method" }),
    ]),
  });
});
