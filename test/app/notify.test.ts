import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { hang, json, startTestApp, type TestApp } from "../help/app.ts";
import { breakerMoved, upstreamMoved } from "../help/events.ts";
import { type Sidecar, startSidecar } from "../help/sidecar.ts";

const SECRET = "a-token-of-the-hook";

function manifest(app: TestApp, hook: TestApp, path: string): string {
  return `
apps:
  quiz:
    owner: dev@quiz.example
    upstreams: [{ name: primary, url: "${app.url}", priority: 0 }, { name: backup, url: "http://127.0.0.1:1", priority: 1 }]
    webhooks: { answer: { path: /answer, breaker: { failures: 1 }, retry: { repeat: always } } }
notify:
  channels:
    hook:
      type: http
      method: PUT
      url: "${hook.url}${path}/{event:type}"
      headers: { Authorization: "Bearer \${HOOK_TOKEN}" }
      body: { app: "{event:app}", to: "{event:to_url}", upstream: "{event:upstream}" }
      retry: { attempts: 2, initial: 1ms, max: 1ms }
  routes: [{ on: [failover, breaker.opened], apps: [quiz], to: [hook] }]
`;
}

async function start(): Promise<{ app: TestApp; hook: TestApp; sidecar: Sidecar }> {
  const [app, hook] = [await startTestApp(), await startTestApp()];
  const sidecar = await startSidecar(manifest(app, hook, "/first"), { env: { HOOK_TOKEN: SECRET } });
  onTestFinished(async () => {
    await sidecar.stop();
    await Promise.all([app.stop(), hook.stop()]);
  });
  return { app, hook, sidecar };
}

const counted = async (sidecar: Sidecar, result: string): Promise<string | undefined> => {
  const scrape = await (await fetch(`${sidecar.adminUrl}/metrics`)).text();
  return new RegExp(`^outrigger_notifications_total\\{channel="hook",result="${result}"\\} (\\d+)$`, "m").exec(
    scrape,
  )?.[1];
};

test("an event that a rule names calls the endpoint, is counted and logged, and a reload takes effect", async () => {
  const { app, hook, sidecar } = await start();
  expect(await counted(sidecar, "sent")).toBe("0");
  sidecar.app.bus.emit(upstreamMoved());
  await hook.received(1);
  expect(hook.got[0]).toMatchObject({ method: "PUT", url: "/first/failover" });
  expect(hook.got[0]?.headers.authorization).toBe(`Bearer ${SECRET}`);
  expect(JSON.parse(String(hook.got[0]?.body))).toEqual({ app: "quiz", to: "http://127.0.0.1:1", upstream: "" });
  await expect.poll(() => counted(sidecar, "sent")).toBe("1");

  sidecar.write(manifest(app, hook, "/second"));
  await sidecar.app.reload("test");
  hook.behave(json(400, { got: `Bearer ${SECRET}` }));
  sidecar.app.bus.emit(upstreamMoved());
  await hook.received(2);
  expect(hook.got[1]?.url).toBe("/second/failover");
  await expect.poll(() => counted(sidecar, "failed")).toBe("1");
  sidecar.app.flushLog();
  const log = readFileSync(join(sidecar.dir, "logs", "log"), "utf8");
  expect(log).toContain('"msg":"told hook of failover of quiz"');
  expect(log).toMatch(/"status":400.*"answer":"\{\\"got\\":\\"\*\*\*\\"\}".*"msg":"could not tell hook/);
  expect(log).not.toContain(SECRET);
});

test("an endpoint that fails changes nothing for a caller, and its failure makes no further event", async () => {
  const { app, hook, sidecar } = await start();
  hook.behave(json(500, {}));
  // Its health is well: a slow machine must not make a failover of it.
  app.behave((got, res) => (got.method === "POST" ? void res.socket?.destroy() : json(200, {})(got, res, 0)));
  const failed = await fetch(`${sidecar.url}/quiz/answer`, { method: "POST", body: "{}" });
  expect(failed.status).toBe(502);
  await sidecar.event("breaker.opened", ({ upstream }) => upstream === "primary");
  // Both upstreams opened their breaker, and each is told in two tries.
  await expect.poll(() => counted(sidecar, "failed")).toBe("2");
  expect(hook.got.map(({ url }) => url)).toEqual(Array.from({ length: 4 }, () => "/first/breaker.opened"));
  const types = new Set(sidecar.events.map(({ type }) => type));
  expect([...types].sort()).toEqual(["breaker.opened", "request.completed"]);
});

test("what hangs when the process stops has a second, and is told after the start, as is what waited: in order", async () => {
  const [app, hook] = [await startTestApp(), await startTestApp(hang)];
  const dir = mkdtempSync(join(tmpdir(), "outrigger-test-"));
  const env = { HOOK_TOKEN: SECRET };
  const first = await startSidecar(manifest(app, hook, "/first"), { env, dir });
  onTestFinished(async () => {
    await Promise.all([app.stop(), hook.stop()]);
    rmSync(dir, { recursive: true, force: true });
  });
  first.app.bus.emit(upstreamMoved());
  first.app.bus.emit(breakerMoved({ upstream: "backup" }));
  first.app.bus.emit(upstreamMoved());
  await hook.received(1);
  await first.stop();
  expect(hook.got).toHaveLength(1);

  hook.behave(json(200, {}));
  const second = await startSidecar(manifest(app, hook, "/second"), { env, dir });
  onTestFinished(() => second.stop());
  await hook.received(4);
  await expect.poll(() => counted(second, "sent")).toBe("3");
  // By the manifest of their time.
  expect(hook.got.slice(1).map(({ url }) => url)).toEqual([
    "/second/failover",
    "/second/breaker.opened",
    "/second/failover",
  ]);
});
