import { expect, test } from "vitest";
import { api, startAdmin } from "../help/admin.ts";
import { AT, storedJob, testDeliveries } from "../help/deliveries.ts";

const many = (count: number, given: Parameters<typeof storedJob>[0] = {}) =>
  Array.from({ length: count }, (_, i) => storedJob({ ...given, id: `${given?.app ?? "quiz"}-${i}` }));

test("the dead-letter queue holds the dead and the cancelled, and nothing else", async () => {
  const deliveries = testDeliveries(
    storedJob(),
    storedJob({ id: "cancelled", state: "cancelled", reason: "cancelled" }),
    storedJob({ id: "queued", state: "queued", reason: null }),
  );
  const admin = await startAdmin({ deliveries });
  const { body } = await api(admin, "/dlq");
  expect(body).toMatchObject({ items: [{ id: "cancelled" }, { id: "job-1" }], next: null });
  expect((await api(admin, "/dlq?reason=cancelled")).body).toMatchObject({ items: [{ id: "cancelled" }] });
  expect((await api(admin, "/dlq?app=shop")).body).toMatchObject({ items: [] });
  expect((await api(admin, "/dlq?since=2026-01-01T00:01:00Z&until=2026-01-01T00:01:01Z&limit=1")).body).toMatchObject({
    items: [{ id: "cancelled" }],
    next: "1",
  });
  expect((await api(admin, "/dlq/job-1")).body).toMatchObject({ id: "job-1", body: '{"answer":42}' });
  expect(await api(admin, "/dlq/queued")).toMatchObject({
    status: 404,
    body: { type: "urn:outrigger:problem:not-dead", detail: "queued is queued: see /deliveries/queued" },
  });
  expect((await api(admin, "/dlq?cursor=x")).status).toBe(400);
});

test("one is retried with a fresh budget, one is deleted, and both are in the audit log", async () => {
  const deliveries = testDeliveries(storedJob(), storedJob({ id: "job-2" }));
  const admin = await startAdmin({ deliveries });
  const retried = await api(admin, "/dlq/job-1/retry", undefined, "POST");
  expect(retried).toMatchObject({ status: 200, body: { state: "queued", attempts: 0 } });
  const deleted = await api(admin, "/dlq/job-2", undefined, "DELETE");
  expect(deleted).toMatchObject({ status: 200, body: { id: "job-2", state: "dead" } });
  expect((await api(admin, "/dlq/job-2")).status).toBe(404);
  expect((await api(admin, "/dlq/job-2", undefined, "DELETE")).status).toBe(404);
  expect((await api(admin, "/dlq/job-1/retry", undefined, "POST")).status).toBe(409);
  expect(admin.audit.map(({ action, target }) => `${action} ${target}`)).toEqual([
    "dlq.retry job-1",
    "dlq.delete job-2",
  ]);
});

test("a dry run counts and changes nothing; the real thing does all that match, in parts, and says how many", async () => {
  const deliveries = testDeliveries(...many(2_345), ...many(3, { app: "shop" }));
  const admin = await startAdmin({ deliveries });
  expect((await api(admin, "/dlq/retry", { app: "quiz", dry_run: true })).body).toEqual({ count: 2_345, next: null });
  expect(deliveries.calls).toEqual([]);
  expect((await api(admin, "/dlq/retry", { app: "quiz" })).body).toEqual({ count: 2_345, next: null });
  expect(deliveries.calls.map((call) => (call as [string, string[], string])[1].length)).toEqual([1_000, 1_000, 345]);
  expect((await api(admin, "/dlq/delete", { dry_run: true })).body).toEqual({ count: 3, next: null });
  expect((await api(admin, "/dlq/delete", {})).body).toEqual({ count: 3, next: null });
  expect((await api(admin, "/dlq/delete", {})).body).toEqual({ count: 0, next: null });
  expect(admin.audit.map(({ by, action, target, detail }) => [by, action, target, detail])).toEqual([
    ["ops", "dlq.retry", "dlq", "2345: app=quiz"],
    ["ops", "dlq.delete", "dlq", "3: everything"],
  ]);
});

test("with a limit the answer says where to go on, and a job that dies again meanwhile is not met twice", async () => {
  const deliveries = testDeliveries(...many(5));
  const admin = await startAdmin({ deliveries });
  const first = (await api(admin, "/dlq/retry", { limit: 2 })).body;
  expect(first).toEqual({ count: 2, next: "3" });
  deliveries.jobs.set("quiz-4", storedJob({ id: "quiz-4", endedAt: AT + 120_000 }));
  expect((await api(admin, "/dlq/retry", { cursor: first.next })).body).toEqual({ count: 3, next: null });
  expect(deliveries.jobs.get("quiz-4")?.state).toBe("dead");
});

test("a spool that goes away half-way is a 503, and the audit log has what was done", async () => {
  const deliveries = testDeliveries(...many(1_500));
  const { change } = deliveries;
  const admin = await startAdmin({
    deliveries: {
      ...deliveries,
      change: async (...given) => {
        const done = await change(...given);
        deliveries.away = true;
        return done;
      },
    },
  });
  expect((await api(admin, "/dlq/delete", { reason: "permanent_status" })).status).toBe(503);
  expect(admin.audit).toMatchObject([{ action: "dlq.delete", detail: "1000: reason=permanent_status" }]);
});

test("a filter that is misspelled changes nothing, rather than everything", async () => {
  const deliveries = testDeliveries(storedJob());
  const admin = await startAdmin({ deliveries });
  for (const body of [{ ap: "shop" }, { reason: "x" }, { since: "2h" }, { limit: 0 }, { cursor: "x" }])
    expect((await api(admin, "/dlq/delete", body)).status, JSON.stringify(body)).toBe(400);
  expect((await api(admin, "/dlq/delete", undefined, "POST")).status).toBe(400);
  expect(deliveries.calls).toEqual([]);
});
