import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { CallSeriesView } from "../../src/admin/calls.ts";
import type { CallOverviewView } from "../../src/admin/routes/webhook-metrics.ts";
import { json, startTestApp } from "../help/app.ts";
import { type Sidecar, startSidecar } from "../help/sidecar.ts";

/** The history of calls in the whole process: real calls, a real file, and a restart. */

async function rig() {
  const app = await startTestApp();
  onTestFinished(() => app.stop());
  const dir = mkdtempSync(join(tmpdir(), "outrigger-history-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const start = async (): Promise<Sidecar> => {
    const sidecar = await startSidecar(
      `history: { retain: 30d, samples: all, samples_rate: 100, max_bytes: 1GiB }
apps:
  quiz:
    owner: a@b.example
    url: "${app.url}"
    webhooks:
      answer: /answer
      later: { path: /later, mode: async, retry: { initial: 10ms, max: 10ms } }
`,
      { dir },
    );
    onTestFinished(() => sidecar.stop());
    return sidecar;
  };
  const ask = async <T>(sidecar: Sidecar, path: string): Promise<T> => {
    const token = readFileSync(join(dir, "data", "admin-token"), "utf8").trim();
    const response = await fetch(`${sidecar.adminUrl}/api/v1/admin${path}`, {
      headers: { Authorization: `Bearer ${token}` },
    });
    expect([path, response.status]).toEqual([path, 200]);
    return (await response.json()) as T;
  };
  return { app, start, ask };
}

const post = async (sidecar: Sidecar, path: string): Promise<number> => {
  const response = await fetch(`${sidecar.url}${path}`, { method: "POST", body: "{}" });
  await response.arrayBuffer();
  return response.status;
};

test("calls and deliveries are in the history at once, each as what it is, and after a restart", async () => {
  const { app, start, ask } = await rig();
  const first = await start();
  for (let n = 0; n < 3; n++) expect(await post(first, "/quiz/answer")).toBe(200);
  app.behave(json(400, { no: true }));
  expect(await post(first, "/quiz/answer")).toBe(400);
  await first.event("request.completed", ({ status }) => status === 400);
  app.behave((got, res, n) => json(n === 4 ? 500 : 200, {})(got, res, n));
  expect(await post(first, "/quiz/later")).toBe(202);
  await first.event("delivery.delivered");
  expect(await post(first, "/nowhere")).toBe(404);
  await first.event("request.completed", ({ status }) => status === 404);

  const look = async (sidecar: Sidecar) => ({
    all: await ask<CallOverviewView>(sidecar, "/webhook-metrics?by=route&window=24h"),
    answer: await ask<CallSeriesView>(sidecar, "/webhook-metrics/quiz/answer"),
    later: await ask<CallSeriesView>(sidecar, "/webhook-metrics/quiz/later"),
  });
  const seen = await look(first);
  expect(seen.answer.total).toMatchObject({ count: 4, success: 4, outcomes: { ok: 3, declined: 1, queued: 0 } });
  expect(seen.answer.total.p99_ms).toBeGreaterThan(0);
  // One 202, which is no call; and two attempts, the first of which failed.
  expect(seen.later.total).toMatchObject({
    count: 2,
    success: 1,
    delivered: 1,
    outcomes: { ok: 1, failed: 1, queued: 1 },
  });
  expect(seen.all.total).toMatchObject({ count: 7, outcomes: { rejected: 1 } });
  expect(seen.all.lines?.items.map(({ capability, total }) => [capability, total.count])).toEqual([
    ["answer", 4],
    ["later", 2],
  ]);
  await first.stop();

  const second = await start();
  const again = await look(second);
  expect([again.answer.total, again.later.total, again.all.total]).toEqual([
    seen.answer.total,
    seen.later.total,
    seen.all.total,
  ]);
  const samples = await ask<{ items: object[] }>(second, "/webhook-metrics/quiz/later/samples");
  expect(samples.items).toMatchObject([
    { outcome: "ok", success: true, attempts: 1 },
    { outcome: "failed", success: false, error: "status", status: 500 },
  ]);
  expect(await ask(second, "/webhook-health")).toMatchObject({ status: "healthy" });
});
