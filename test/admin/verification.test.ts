import { expect, test } from "vitest";
import type { VerificationRates } from "../../src/core/stored.ts";
import { api, startAdmin } from "../help/admin.ts";

const rates = (app: string, verified: number, failed: number): VerificationRates => {
  const counts = { verified, failed, unverified: 1 };
  const none = { verified: 0, failed: 0, unverified: 0 };
  return { app, capability: "winner", windows: { "1h": none, "24h": counts, "7d": counts } };
};

test("what good answers proved to be, by route and window, in parts and for one app", async () => {
  const verification = async () => [rates("quiz", 2, 1), rates("poll", 0, 2)];
  const admin = await startAdmin({ verification });
  const { body } = await api(admin, "/verification?limit=1");
  expect(body.items).toEqual([
    {
      app: "poll",
      capability: "winner",
      windows: {
        "1h": { verified: 0, failed: 0, unverified: 0, rate: null },
        "24h": { verified: 0, failed: 2, unverified: 1, rate: 0 },
        "7d": { verified: 0, failed: 2, unverified: 1, rate: 0 },
      },
    },
  ]);
  const next = await api(admin, `/verification?limit=1&cursor=${String(body.next)}`);
  expect(next.body).toMatchObject({ items: [{ app: "quiz", windows: { "24h": { rate: 50 } } }], next: null });
  expect((await api(admin, "/verification?app=quiz")).body.items).toHaveLength(1);
  expect((await api(admin, "/verification?capability=other")).body.items).toEqual([]);
});

test("a history that is away is no bug", async () => {
  const admin = await startAdmin({ verification: () => Promise.reject(new Error("away")) });
  const { status, body } = await api(admin, "/verification");
  expect([status, body.type]).toEqual([503, "urn:outrigger:problem:history-away"]);
  expect(admin.errors).toEqual([]);
});
