import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { startTestApp } from "../help/app.ts";
import { call } from "../help/call.ts";
import { startSidecar } from "../help/sidecar.ts";

/** An app without a backup that was killed: what the whole sidecar says of it. */

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean();
});

test("why calls of a killed app fail is told at once, whatever kind they are, not only with its next check", async () => {
  const app = await startTestApp();
  const sidecar = await startSidecar(`
apps:
  shop:
    owner: dev@shop.example
    url: ${app.url}
    webhooks: { order: /order, live: { path: /live, mode: passthrough } }
`);
  cleanUp.push(sidecar.stop);
  const ask = async (path: string) => {
    const Authorization = `Bearer ${readFileSync(join(sidecar.dir, "data", "admin-token"), "utf8").trim()}`;
    const { text } = await call(`${sidecar.adminUrl}/api/v1/admin${path}`, {
      method: "GET",
      headers: { Authorization },
    });
    return JSON.parse(text);
  };
  const lastFailure = async () => (await ask("/health/apps/shop")).upstreams[0].last_failure;
  expect(await lastFailure()).toBeNull();
  await app.stop();
  const refused = { reason: "connect", http_status: 0, detail: expect.stringContaining("ECONNREFUSED") };
  await call(`${sidecar.url}/shop/live`, { body: "x" });
  const first = await lastFailure();
  expect(first).toMatchObject(refused);
  for (let n = 0; n < 3; n++) await call(`${sidecar.url}/shop/order`, { body: "x" });
  const newest = await lastFailure();
  expect(newest).toMatchObject(refused);
  expect(newest.at >= first.at).toBe(true);
  const { reasons } = await ask("/webhook-health");
  expect(reasons.find(({ code }: { code: string }) => code === "app_unhealthy").message).toContain("ECONNREFUSED");
});
