import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startTestApp } from "../help/app.ts";
import { startSidecar } from "../help/sidecar.ts";

test("a spool that was lost before the start is unhealthy and told to people, and one line of the log", async () => {
  const [app, hook] = [await startTestApp(), await startTestApp()];
  const dir = mkdtempSync(join(tmpdir(), "outrigger-test-"));
  mkdirSync(join(dir, "data"));
  writeFileSync(join(dir, "data", "spool.db"), "no database, whatever its name says ".repeat(500));
  const sidecar = await startSidecar(
    `
apps:
  quiz: { owner: dev@quiz.example, url: "${app.url}", webhooks: { answer: { path: /answer } } }
notify:
  channels: { hook: { type: http, url: "${hook.url}/told", body: { store: "{event:store}", detail: "{event:detail}" } } }
  routes: [{ on: [storage.failing], to: [hook] }]
`,
    { dir },
  );
  onTestFinished(async () => {
    await sidecar.stop();
    await Promise.all([app.stop(), hook.stop()]);
    rmSync(dir, { recursive: true, force: true });
  });

  const token = readFileSync(join(dir, "data", "admin-token"), "utf8").trim();
  const asked = await fetch(`${sidecar.adminUrl}/api/v1/admin/webhook-health`, {
    headers: { Authorization: `Bearer ${token}` },
  });
  expect(await asked.json()).toMatchObject({
    status: "unhealthy",
    reasons: [{ code: "storage_failing", message: expect.stringContaining("recovered: nothing") }],
  });
  await hook.received(1);
  expect(JSON.parse(String(hook.got[0]?.body))).toMatchObject({
    store: "spool",
    detail: expect.stringContaining("recovered: nothing"),
  });
  sidecar.app.flushLog();
  const log = readFileSync(join(dir, "logs", "log"), "utf8");
  expect(log.match(/"event":"storage.failing"/g)).toHaveLength(1);
  expect(sidecar.events.filter(({ type }) => type === "storage.failing")).toHaveLength(1);
});
