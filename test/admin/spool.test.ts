import { expect, test } from "vitest";
import type { SpoolRouteInfo } from "../../src/admin/services.ts";
import { api, startAdmin } from "../help/admin.ts";
import { AT, storedJob, testDeliveries } from "../help/deliveries.ts";

const route = (given: Partial<SpoolRouteInfo>): SpoolRouteInfo => ({
  app: "quiz",
  capability: "winner",
  queued: 0,
  leased: 0,
  verifying: 0,
  dead: 0,
  parked: null,
  ...given,
});

test("the status has the spool: states, room, age, and which routes wait and why", async () => {
  const deliveries = testDeliveries(storedJob(), storedJob({ id: "job-2", state: "queued", reason: null }));
  deliveries.pause("quiz", "winner", "ops");
  const admin = await startAdmin({ deliveries });
  expect((await api(admin, "/status")).body.spool).toEqual({
    states: { queued: 1, leased: 0, verifying: 0, delivered: 0, dead: 1, cancelled: 0 },
    bytes: 65_536,
    max_bytes: 2 ** 30,
    max_jobs: 100_000,
    full: null,
    oldest_age_ms: 7_200_000,
    waiting: [
      {
        app: "quiz",
        capability: "winner",
        queued: 1,
        leased: 0,
        verifying: 0,
        dead: 1,
        parked: { cause: "paused", since: "2026-01-01T00:00:00.000Z", by: "ops" },
      },
    ],
    waiting_total: 1,
  });
});

test("parked routes come first, then those with most jobs; ones without either are left out, and the list is bounded", async () => {
  const deliveries = testDeliveries();
  const orphan = route({ app: "gone", dead: 1, parked: { cause: "no_route", since: AT, by: null } });
  const many = Array.from({ length: 300 }, (_, i) => route({ app: `app-${i}`, queued: i }));
  deliveries.info = { routes: [...many, orphan], full: "jobs", oldestAgeMs: 1.5 };
  const admin = await startAdmin({ deliveries });
  const spool = (await api(admin, "/status")).body.spool as { waiting: { app: string }[]; waiting_total: number };
  expect(spool).toMatchObject({ full: "jobs", oldest_age_ms: 2, waiting_total: 300 });
  expect(spool.waiting).toHaveLength(200);
  expect(spool.waiting.slice(0, 2)).toMatchObject([{ app: "gone", parked: { cause: "no_route" } }, { app: "app-299" }]);
});

test("a bug in the survey is no spool that is away", async () => {
  const survey = () => Promise.reject(new Error("a bug"));
  const admin = await startAdmin({ deliveries: { ...testDeliveries(), survey } });
  expect((await api(admin, "/status")).status).toBe(500);
  expect(admin.errors).toHaveLength(1);
});
