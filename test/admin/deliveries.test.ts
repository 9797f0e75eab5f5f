import { expect, test } from "vitest";
import type { JobQuery } from "../../src/core/job.ts";
import { api, apiAsViewer, startAdmin } from "../help/admin.ts";
import { AT, storedJob, testDeliveries } from "../help/deliveries.ts";

const idsOf = (body: Record<string, unknown>): string[] =>
  (body.items as readonly { readonly id: string }[]).map(({ id }) => id);

test("deliveries are listed the newest first, without headers or payload", async () => {
  const deliveries = testDeliveries(
    storedJob(),
    storedJob({ id: "job-2", state: "queued", reason: null, detail: null, endedAt: null, dueAt: AT + 5_000 }),
  );
  const admin = await startAdmin({ deliveries });
  const { status, body } = await api(admin, "/deliveries");
  expect(status).toBe(200);
  expect(idsOf(body)).toEqual(["job-2", "job-1"]);
  expect((body.items as unknown[])[1]).toEqual({
    id: "job-1",
    app: "quiz",
    capability: "winner",
    state: "dead",
    reason: "permanent_status",
    detail: "the app answered 422",
    request_id: "request-1",
    at: "2026-01-01T00:00:00.000Z",
    ended_at: "2026-01-01T00:01:00.000Z",
    due_at: null,
    expires_at: "2026-01-02T00:00:00.000Z",
    attempts: 1,
    sends: 1,
    origin: "async",
    size: 13,
  });
});

test("each filter reaches the spool: states repeated or with commas, times with any offset", async () => {
  const asked: JobQuery[] = [];
  const deliveries = testDeliveries();
  const admin = await startAdmin({
    deliveries: {
      ...deliveries,
      list: async (query) => {
        asked.push(query);
        return { items: [], next: null };
      },
    },
  });
  await api(admin, "/deliveries?state=dead&state=queued,leased&app=quiz&capability=winner&request_id=r1&reason=gone");
  await api(admin, "/deliveries?since=2026-01-01T01:00:00%2B01:00&until=2026-01-01T00:00:01Z&limit=7&cursor=12");
  expect(asked).toEqual([
    {
      filter: {
        states: ["dead", "queued", "leased"],
        app: "quiz",
        capability: "winner",
        requestId: "r1",
        reason: "gone",
      },
      limit: 100,
      cursor: null,
    },
    { filter: { since: AT, until: AT + 1_000 }, limit: 7, cursor: 12 },
  ]);
  for (const wrong of ["state=lost", "since=2h", "since=yesterday", "reason=x", "app=a/b", "limit=0", "cursor=x"])
    expect((await api(admin, `/deliveries?${wrong}`)).status, wrong).toBe(400);
});

test("a list in parts holds each delivery once", async () => {
  const jobs = Array.from({ length: 5 }, (_, i) => storedJob({ id: `job-${i}` }));
  const admin = await startAdmin({ deliveries: testDeliveries(...jobs) });
  const seen: string[] = [];
  let cursor = "";
  for (let part = 0; part < 3; part++) {
    const { body } = await api(admin, `/deliveries?limit=2${cursor}`);
    seen.push(...idsOf(body));
    cursor = `&cursor=${String(body.next)}`;
    if (part === 2) expect(body.next).toBeNull();
  }
  expect(seen).toEqual(["job-4", "job-3", "job-2", "job-1", "job-0"]);
});

test("an operator sees all of a delivery, its secrets excepted", async () => {
  const admin = await startAdmin({ deliveries: testDeliveries(storedJob()) });
  const { body } = await api(admin, "/deliveries/job-1");
  expect(body).toMatchObject({
    id: "job-1",
    request: {
      method: "POST",
      rest: "/7?room=a&token=***",
      target: "/quiz/winner/7",
      host: "hooks.example",
      http_version: "1.1",
      peer: "10.0.0.9",
      secure: false,
      headers: [
        { name: "Content-Type", value: "application/json" },
        { name: "Authorization", value: "***" },
        { name: "X-Hub-Signature-256", value: "***" },
      ],
    },
    body: '{"answer":42}',
    body_encoding: "text",
    order_key: "room-7",
    in_doubt: false,
    tries: [
      {
        n: 0,
        at: "2026-01-01T00:00:00.050Z",
        upstream: "primary",
        worth: "permanent",
        reason: "status",
        status: 422,
        duration_ms: 12.346,
        detail: null,
        headers: [
          { name: "Content-Type", value: "text/plain" },
          { name: "Set-Cookie", value: "***" },
        ],
        body: "no such room",
        body_encoding: "text",
        body_bytes: 12,
      },
    ],
  });
  expect(JSON.stringify(body)).not.toMatch(/s3cret|sid=1|t0p|ab"/);
});

test("a viewer sees headers and size, and no payload: neither the body, nor answers, nor what is taken from it", async () => {
  const admin = await startAdmin({ deliveries: testDeliveries(storedJob()) });
  for (const path of ["/deliveries/job-1", "/dlq/job-1"]) {
    const { status, body } = await apiAsViewer(admin, path);
    expect(status).toBe(200);
    expect(body).toMatchObject({ size: 13, body: null, body_encoding: null, order_key: null });
    expect(body.request).toMatchObject({
      headers: [{ value: "application/json" }, { value: "***" }, { value: "***" }],
    });
    expect(body.tries).toMatchObject([{ status: 422, body: null, body_bytes: 12 }]);
    expect(JSON.stringify(body)).not.toMatch(/answer\W|room-7|no such room|s3cret/);
  }
});

test("a body that is no text is shown in base64, and a byte order mark is part of a text", async () => {
  const deliveries = testDeliveries(
    storedJob({ body: Buffer.from([0xff, 0x00, 0x80]) }),
    storedJob({ id: "job-2", body: Buffer.from("\ufeffhé") }),
    storedJob({ id: "job-3", request: null, body: null }),
  );
  const admin = await startAdmin({ deliveries });
  expect((await api(admin, "/deliveries/job-1")).body).toMatchObject({ body: "/wCA", body_encoding: "base64" });
  expect((await api(admin, "/deliveries/job-2")).body).toMatchObject({ body: "\ufeffhé", body_encoding: "text" });
  expect((await api(admin, "/deliveries/job-3")).body).toMatchObject({ request: null, body: null });
});

test("an operator cancels what waits and resends what ended, and both are in the audit log", async () => {
  const deliveries = testDeliveries(
    storedJob({ id: "waiting", state: "queued", reason: null, endedAt: null }),
    storedJob({ id: "done", state: "delivered", reason: null }),
    storedJob({ id: "dead" }),
  );
  const admin = await startAdmin({ deliveries });
  const post = (path: string) => api(admin, path, undefined, "POST");
  expect(await post("/deliveries/waiting/cancel")).toMatchObject({ status: 200, body: { state: "cancelled" } });
  expect(await post("/deliveries/done/resend")).toMatchObject({ status: 200, body: { state: "queued" } });
  expect(await post("/deliveries/dead/resend")).toMatchObject({ status: 200, body: { state: "queued", reason: null } });
  expect(deliveries.calls).toEqual([
    ["cancel", ["waiting"], "ops"],
    ["resend", ["done"], "ops"],
    ["retry", ["dead"], "ops"],
  ]);
  expect(admin.audit.map(({ by, action, target, detail }) => [by, action, target, detail])).toEqual([
    ["ops", "delivery.cancel", "waiting", "quiz/winner, was queued"],
    ["ops", "delivery.resend", "done", "quiz/winner, was delivered"],
    ["ops", "dlq.retry", "dead", "quiz/winner, was permanent_status"],
  ]);
});

test("what is not there is 404, what is in another state 409, and neither is in the audit log", async () => {
  const admin = await startAdmin({ deliveries: testDeliveries(storedJob()) });
  for (const path of ["/deliveries/job-9/cancel", "/deliveries/job-9/resend", "/dlq/job-9/retry"])
    expect(await api(admin, path, undefined, "POST")).toMatchObject({
      status: 404,
      body: { type: "urn:outrigger:problem:no-delivery" },
    });
  expect((await api(admin, "/deliveries/job-9")).status).toBe(404);
  expect((await api(admin, "/deliveries/a%2Fb")).status).toBe(400);
  expect(await api(admin, "/deliveries/job-1/cancel", undefined, "POST")).toMatchObject({
    status: 409,
    body: { type: "urn:outrigger:problem:wrong-state", detail: "job-1 is dead: there is nothing to cancel" },
  });
  expect(admin.audit).toEqual([]);
});

test("a route or an app is paused and resumed, and a name that the manifest has not is 404", async () => {
  const deliveries = testDeliveries();
  const admin = await startAdmin({ deliveries });
  const post = async (path: string) => {
    const { status, body } = await api(admin, path, undefined, "POST");
    return [status, body.app, body.capability, body.paused];
  };
  expect(await post("/routes/quiz/winner/pause")).toEqual([200, "quiz", "winner", true]);
  expect((await deliveries.survey()).routes).toMatchObject([{ parked: { cause: "paused", by: "ops" } }]);
  expect(await post("/routes/quiz/winner/resume")).toEqual([200, "quiz", "winner", false]);
  expect(await post("/apps/quiz/pause")).toEqual([200, "quiz", null, true]);
  expect(await post("/apps/quiz/resume")).toEqual([200, "quiz", null, false]);
  expect(admin.audit.map(({ action, target }) => `${action} ${target}`)).toEqual([
    "route.pause quiz/winner",
    "route.resume quiz/winner",
    "app.pause quiz",
    "app.resume quiz",
  ]);
  expect((await api(admin, "/apps/quiz/pause", undefined, "POST")).body).toMatchObject({ app_paused: true });
  expect((await api(admin, "/routes/quiz/winner/resume", undefined, "POST")).body).toEqual({
    app: "quiz",
    capability: "winner",
    paused: true,
    app_paused: true,
  });
  expect(admin.audit.at(-1)).toMatchObject({ action: "route.resume", detail: expect.stringContaining("whole app") });
  for (const path of ["/routes/quiz/other/pause", "/routes/quiz/other/resume", "/apps/shop/pause", "/apps/shop/resume"])
    expect((await api(admin, path, undefined, "POST")).status, path).toBe(404);
  expect(admin.audit).toHaveLength(6);
});

test("a viewer changes nothing of deliveries", async () => {
  const deliveries = testDeliveries(storedJob());
  const admin = await startAdmin({ deliveries });
  for (const path of [
    "/deliveries/job-1/cancel",
    "/deliveries/job-1/resend",
    "/routes/quiz/winner/pause",
    "/apps/quiz/resume",
    "/dlq/job-1/retry",
    "/dlq/retry",
    "/dlq/delete",
    "/dlq/import",
    "/spool/backup",
  ])
    expect((await apiAsViewer(admin, path, "POST")).status, path).toBe(403);
  expect((await apiAsViewer(admin, "/dlq/job-1", "DELETE")).status).toBe(403);
  expect((await apiAsViewer(admin, "/dlq/export")).status).toBe(403);
  expect(deliveries.calls).toEqual([]);
});

test("while the spool does not answer there is a 503 that says when to come back, and no bug is reported", async () => {
  const deliveries = testDeliveries(storedJob());
  deliveries.away = true;
  const admin = await startAdmin({ deliveries });
  for (const [path, method, body] of [
    ["/deliveries", "GET"],
    ["/deliveries/job-1", "GET"],
    ["/deliveries/job-1/cancel", "POST"],
    ["/dlq", "GET"],
    ["/dlq/job-1", "DELETE"],
    ["/dlq/retry", "POST", {}],
    ["/dlq/export", "GET"],
    ["/spool/backup", "POST"],
  ] as const) {
    const answer = await api(admin, path, body, method);
    expect(answer, path).toMatchObject({ status: 503, body: { type: "urn:outrigger:problem:spool-away" } });
    expect(answer.headers.get("retry-after")).toBe("2");
  }
  expect(admin.errors).toEqual([]);
  expect(admin.audit).toEqual([]);
});
