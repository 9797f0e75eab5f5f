import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { json, startTestApp, type TestApp } from "../help/app.ts";
import { call, post } from "../help/call.ts";
import { hearOfChildren } from "../help/children.ts";
import { type Sidecar, startSidecar } from "../help/sidecar.ts";

/** Reload of a manifest that is too large to be read between two requests: it is read in a process of its own. */

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean();
});

async function startApp(): Promise<TestApp> {
  const app = await startTestApp(json(200, { ok: true }));
  cleanUp.push(() => app.stop());
  return app;
}

async function start(yaml: string): Promise<Sidecar> {
  const sidecar = await startSidecar(yaml);
  cleanUp.push(() => sidecar.stop());
  return sidecar;
}

const ROUTES = 800;

/** 800 routes `hook_n` of an app at `url`, of which `first` is the first one's entry. */
function large(url: string, first: string, head = ""): string {
  const others = Array.from({ length: ROUTES - 1 }, (_, n) => `      hook_${n + 1}: /hooks/${n + 1}\n`);
  return `${head}apps:\n  quiz:\n    owner: dev@quiz.example\n    url: "${url}"\n    webhooks:\n      hook_0: ${first}\n${others.join("")}`;
}

async function apply(sidecar: Sidecar, yaml: string): Promise<void> {
  sidecar.write(yaml);
  expect(await sidecar.app.reload("test")).toMatchObject({ ok: true });
}

test("calls go on while it is read, under the old manifest and then under the new one, and none is lost", async () => {
  const app = await startApp();
  const sidecar = await start(large(app.url, "/v0"));
  let done = false;
  const caller = async (): Promise<number> => {
    let n = 0;
    for (; !done; n++)
      expect(await post(`${sidecar.url}/quiz/hook_0`, {})).toMatchObject({ status: 200, outcome: "ok" });
    return n;
  };
  const callers = [caller(), caller(), caller()];
  for (let n = 1; n <= 3; n++) {
    await app.received(app.got.length + 10);
    await apply(sidecar, large(app.url, `/v${n}`));
  }
  await app.received(app.got.length + 10);
  done = true;
  const all = (await Promise.all(callers)).reduce((sum, n) => sum + n, 0);
  const paths = app.got.map(({ url }) => url);
  expect(paths.length).toBe(all);
  expect([...new Set(paths)]).toEqual(["/v0", "/v1", "/v2", "/v3"]);
});

test("the plans of routes that it leaves as they are stay, and so does what they know", async () => {
  const app = await startApp();
  const sidecar = await start(large(app.url, "/v0"));
  const before = sidecar.app.manifests.current.plans;
  await apply(sidecar, large(app.url, "/v1"));
  const { plans } = sidecar.app.manifests.current;
  expect(plans.length).toBe(ROUTES);
  expect(plans.filter((plan, n) => plan !== before[n]).map((plan) => plan.settings.path)).toEqual(["/v1"]);
  expect(await post(`${sidecar.url}/quiz/hook_7`, {})).toMatchObject({ status: 200, outcome: "ok" });
});

test("what is wrong with it is said with file and line, and changes nothing", async () => {
  const app = await startApp();
  const sidecar = await start(large(app.url, "/v0"));
  sidecar.write(large(app.url, "{ path: /v1, timeout: 9h }"));
  expect(await sidecar.app.reload("test")).toMatchObject({
    ok: false,
    error: [expect.stringMatching(/outrigger\.yaml:9:\d+ apps\.quiz\.webhooks\.hook_0\.timeout: timeout 9h/)],
  });
  sidecar.write(large(app.url, "/v1", "redis: { url: 'redis://127.0.0.1:1' }\n"));
  expect(await sidecar.app.reload("test")).toMatchObject({
    ok: false,
    error: [expect.stringMatching(/outrigger\.yaml:4:1 redis: this can't change while running/)],
  });
  await post(`${sidecar.url}/quiz/hook_0`, {});
  expect(app.got.map(({ url }) => url)).toEqual(["/v0"]);
});

test("one of the same content changes nothing: neither plans nor revision", async () => {
  const app = await startApp();
  const sidecar = await start(large(app.url, "/v0"));
  const before = sidecar.app.manifests.current;
  await apply(sidecar, `# said otherwise\n${large(app.url, "/v0")}`);
  expect(sidecar.app.manifests.current).toBe(before);
});

test("files that it names come with it: schemas, bodies of fallbacks", async () => {
  const app = await startApp();
  const sidecar = await start(large(app.url, "/v0"));
  writeFileSync(join(sidecar.dir, "schema.json"), JSON.stringify({ required: ["winner"] }));
  writeFileSync(join(sidecar.dir, "sorry.html"), "<p>sorry, later</p>");
  const entry = "{ path: /v1, response: { schema: schema.json }, fallback: { strategy: static, file: sorry.html } }";
  await apply(sidecar, large(app.url, entry));
  const answer = await post(`${sidecar.url}/quiz/hook_0`, {});
  expect(answer).toMatchObject({ status: 200, outcome: "fallback;reason=invalid_response;strategy=static" });
  expect(answer.text).toBe("<p>sorry, later</p>");
});

test("afterwards each value still says where it was written, and the manifest is shown whole", async () => {
  const app = await startApp();
  const token = "token-of-an-operator-of-this-test";
  const head = `admin: { tokens: [{ name: ops, role: operator, token: ${token} }] }\n`;
  const sidecar = await start(large(app.url, "/v0", head));
  await apply(sidecar, large(app.url, "{ path: /v1, timeout: 3s }", head));
  const headers = { "Content-Type": "application/json", Authorization: `Bearer ${token}` };
  const asked = await call(`${sidecar.adminUrl}/api/v1/admin/explain`, {
    headers,
    body: JSON.stringify({ method: "POST", path: "/quiz/hook_0", headers: {} }),
  });
  expect(asked.status, asked.text).toBe(200);
  const { values } = JSON.parse(asked.text) as { readonly values: readonly { path: string; origin: string }[] };
  const origins = new Map(values.map(({ path, origin }) => [path, origin]));
  expect(origins.get("timeout")).toMatch(/outrigger\.yaml:10$/);
  expect(origins.get("retry.attempts")).toBe("built-in");
  const shown = JSON.parse(
    (await call(`${sidecar.adminUrl}/api/v1/admin/manifest`, { method: "GET", headers })).text,
  ) as {
    readonly manifest: { readonly routes: readonly { readonly app: string; readonly timeoutMs: number }[] };
  };
  expect(shown.manifest.routes.length).toBe(ROUTES);
  expect(shown.manifest.routes[0]).toMatchObject({ app: "quiz", timeoutMs: 3000 });
  const { revision } = sidecar.app.manifests.current;
  const kept = await call(`${sidecar.adminUrl}/api/v1/admin/manifest/revisions/${revision}`, {
    method: "GET",
    headers,
  });
  expect(JSON.parse(kept.text)).toEqual({ revision, manifest: shown.manifest });
  const list = await call(`${sidecar.adminUrl}/api/v1/admin/manifest/revisions`, { method: "GET", headers });
  expect(JSON.parse(list.text)).toMatchObject({ items: [{ bytes: JSON.stringify(shown.manifest).length }, {}] });
});

test("it is read once for each change, also where the watch of the file notices that one meanwhile", async () => {
  const app = await startApp();
  const sidecar = await start(large(app.url, "/v0"));
  let readings = 0;
  cleanUp.push(hearOfChildren(() => void readings++));
  await apply(sidecar, large(app.url, "/v1"));
  // One that waited for it would have begun in the turn in which it ended.
  await new Promise(setImmediate);
  expect(readings).toBe(1);
  sidecar.write(large(app.url, "/v2"));
  await sidecar.event("manifest.applied", ({ by }) => by === "file");
  expect(sidecar.app.manifests.current.plans[0]?.settings.path).toBe("/v2");
});

test("a stop does not wait for it", async () => {
  const app = await startApp();
  const sidecar = await startSidecar(large(app.url, "/v0"));
  sidecar.write(large(app.url, "/v1"));
  const reloaded = sidecar.app.reload("test");
  await sidecar.stop();
  expect(await reloaded).toMatchObject({ ok: false, error: [expect.stringMatching(/is stopping/)] });
});
