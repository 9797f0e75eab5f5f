import { expect, test } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { api, apiAsViewer, startAdmin } from "../help/admin.ts";
import { alertOf, testAlerts } from "../help/alerts.ts";

const HOUR = 3_600_000;
const silence = (ms: number) => ({ until: systemClock.wall() + ms, by: "ops", reason: null });
const ALERTS = [
  alertOf({ id: "a:quiz:winner" }),
  alertOf({ id: "b:shop", app: "shop", rule: "other", silence: silence(HOUR) }),
  alertOf({ id: "c:quiz", phase: "resolved", resolvedAt: 1_767_225_700_000, cause: "recovered", silence: silence(-1) }),
  alertOf({ id: "d:quiz", phase: "pending", firedAt: null, toldAt: null, told: false }),
];
const ids = (body: Record<string, unknown>) => (body.items as { id: string }[]).map(({ id }) => id);

test("the list has what fires and what was over lately, in parts; pending ones only where asked for", async () => {
  const admin = await startAdmin({ alerts: testAlerts(ALERTS) });
  const { body } = await api(admin, "/alerts?limit=2");
  expect(ids(body)).toEqual(["a:quiz:winner", "b:shop"]);
  expect(ids((await api(admin, `/alerts?limit=2&cursor=${body.next}`)).body)).toEqual(["c:quiz"]);
  for (const [query, found] of [
    ["state=firing", ["a:quiz:winner", "b:shop"]],
    ["state=resolved", ["c:quiz"]],
    ["state=pending", ["d:quiz"]],
    ["state=silenced", ["b:shop"]],
    ["app=shop", ["b:shop"]],
    ["rule=other", ["b:shop"]],
    ["app=quiz&rule=other", []],
  ] as const) {
    expect([query, ids((await api(admin, `/alerts?${query}`)).body)]).toEqual([query, found]);
  }
  expect((await api(admin, "/alerts?state=loud")).status).toBe(400);
});

test("an alert says what it is about, what was measured against which bound, and since when", async () => {
  const admin = await startAdmin({ alerts: testAlerts(ALERTS.slice(0, 1)) });
  expect((await api(admin, "/alerts")).body.items).toEqual([
    {
      id: "a:quiz:winner",
      rule: "low-success",
      metric: "success_rate",
      state: "firing",
      app: "quiz",
      capability: "winner",
      upstream: null,
      value: 80,
      threshold: 95,
      unit: "percent",
      summary: "quiz/winner: success rate 80 % is below 95 %, over 1h (100 calls)",
      since: "2026-01-01T00:00:00.000Z",
      fired_at: "2026-01-01T00:00:00.000Z",
      resolved_at: null,
      cause: null,
      told_at: "2026-01-01T00:00:00.000Z",
      silence: null,
    },
  ]);
});

test("silencing keeps who, until when and why, and is audited; so is the end of it", async () => {
  const admin = await startAdmin({ alerts: testAlerts(ALERTS) });
  const before = systemClock.wall();
  const { status, body } = await api(admin, "/alerts/a:quiz:winner/silence", { for: "2h", reason: "known" });
  expect([status, body.silence]).toEqual([200, { until: expect.any(String), by: "ops", reason: "known" }]);
  const { until } = body.silence as { until: string };
  expect(Date.parse(until) - before).toBeGreaterThanOrEqual(2 * HOUR);
  expect((await api(admin, "/alerts/a%3Aquiz%3Awinner/unsilence", {})).body.silence).toBe(null);
  expect(admin.audit.map(({ by, action, target, detail }) => [by, action, target, detail])).toEqual([
    ["ops", "alert.silence", "a:quiz:winner", `until ${until}: known`],
    ["ops", "alert.unsilence", "a:quiz:winner", "was silenced by ops"],
  ]);
});

test("what can't be silenced is refused, and nothing is audited", async () => {
  const admin = await startAdmin({ alerts: testAlerts(ALERTS) });
  const silenced = (id: string, body: unknown) => api(admin, `/alerts/${id}/silence`, body);
  expect((await silenced("nothing", { for: 1000 })).status).toBe(404);
  for (const span of ["", "soon", "999ms", 999, "31d", -1, null]) {
    expect([span, (await silenced("b:shop", { for: span })).status]).toEqual([span, 400]);
  }
  expect((await silenced("b:shop", {})).status).toBe(400);
  expect((await silenced("b:shop", { for: "1h", until: 1 })).status).toBe(400);
  expect((await api(admin, "/alerts/c:quiz/unsilence", {})).status).toBe(409);
  expect((await api(admin, "/alerts/nothing/unsilence", {})).status).toBe(404);
  expect((await apiAsViewer(admin, "/alerts/b:shop/unsilence", "POST")).status).toBe(403);
  expect((await apiAsViewer(admin, "/alerts/rules", "DELETE")).status).toBe(403);
  expect((await apiAsViewer(admin, "/alerts")).status).toBe(200);
  expect(admin.audit).toEqual([]);
});

test("the rules in force are shown in the manifest's form, with where they come from", async () => {
  const admin = await startAdmin();
  expect((await api(admin, "/alerts/rules")).body).toEqual({
    source: "manifest",
    set_by: null,
    set_at: null,
    interval: "5m",
    repeat_every: "1h",
    rules: [{ name: "low-success", metric: "success_rate", below: 95, over: "1h", min_samples: 20 }],
  });
});

test("rules that are set go to the service as they were sent, and are audited; those it refuses are told of", async () => {
  const given: unknown[] = [];
  let refused = false;
  const alerts = testAlerts([], {
    async setRules(written, by) {
      given.push([written, by]);
      return refused ? [{ path: [0, "below"], message: "a percentage is from 0 to 100" }] : [];
    },
    resetRules: async () => true,
  });
  const admin = await startAdmin({ alerts });
  const rules = [{ name: "low", metric: "success_rate", below: 101, odd: true }];
  expect((await api(admin, "/alerts/rules", { rules }, "PUT")).status).toBe(200);
  expect(given).toEqual([[rules, "ops"]]);
  refused = true;
  const { status, body } = await api(admin, "/alerts/rules", { rules }, "PUT");
  expect([status, body.issues]).toEqual([
    400,
    [{ path: "body.rules.0.below", message: "a percentage is from 0 to 100" }],
  ]);
  expect((await api(admin, "/alerts/rules", { rule: [] }, "PUT")).status).toBe(400);
  expect((await api(admin, "/alerts/rules", undefined, "DELETE")).status).toBe(200);
  expect(admin.audit.map(({ action, detail }) => [action, detail])).toEqual([
    ["alerts.rules", "1 in place of the manifest's"],
    ["alerts.rules", "back to the manifest's"],
  ]);
});

test("while rules can't be kept they are refused, for a while", async () => {
  const away = () => Promise.reject(new Error("disk full"));
  const admin = await startAdmin({ alerts: testAlerts([], { setRules: away, resetRules: away }) });
  expect((await api(admin, "/alerts/rules", { rules: [] }, "PUT")).status).toBe(503);
  expect((await api(admin, "/alerts/rules", undefined, "DELETE")).status).toBe(503);
  expect([admin.audit, admin.errors]).toEqual([[], []]);
});
