import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type Sidecar, startSidecar } from "../help/sidecar.ts";
import { startToy, type Toy, WELL } from "../help/toy.ts";

/** Alerts of the whole sidecar, from an app that fails to the event, the API and the metric. */

const TOKEN = "a-token-of-the-test";
const HEALTH = "health: { interval: 100ms, timeout: 1s, fast_interval: 50ms, healthy_after: 2 }";
const WEBHOOKS = `webhooks:
      answer: { path: /answer, retry: { attempts: 1 }, breaker: { enabled: false } }
      later: { path: /later, mode: async, retry: { attempts: 1 }, breaker: { enabled: false } }`;

const yaml = (
  toy: Toy,
  rules: string,
  interval: string,
): string => `admin: { tokens: [{ name: ops, role: operator, token: ${TOKEN} }] }
apps:
  quiz:
    owner: a@b.example
    url: "${toy.url}"
    ${HEALTH}
    ${WEBHOOKS}
alerts: { interval: ${interval}, repeat_every: 1h, rules: [${rules}] }
`;

const DOWN = "{ name: down, metric: health_failures, above: 1 }";
const DEAD = "{ name: dead, metric: dlq_size, above: 0 }";

async function setUp(): Promise<{ toy: Toy; start: (rules: string, interval?: string) => Promise<Sidecar> }> {
  const toy = await startToy("upstream-1");
  onTestFinished(() => toy.stop());
  const dir = mkdtempSync(join(tmpdir(), "outrigger-test-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return {
    toy,
    async start(rules, interval = "1s") {
      const sidecar = await startSidecar(yaml(toy, rules, interval), { dir });
      onTestFinished(() => sidecar.stop());
      return sidecar;
    },
  };
}

async function ask(at: Sidecar, path: string, body?: unknown, method = body === undefined ? "GET" : "POST") {
  const response = await fetch(`${at.adminUrl}/api/v1/admin${path}`, {
    method,
    headers: { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function items(at: Sidecar, query = ""): Promise<Record<string, unknown>[]> {
  return (await ask(at, `/alerts${query}`)).body.items as Record<string, unknown>[];
}

async function firing(at: Sidecar): Promise<string[]> {
  const scrape = await (await fetch(`${at.adminUrl}/metrics`)).text();
  return [...scrape.matchAll(/^outrigger_alerts_firing\{rule="(\w+)"\} (\d+)$/gm)].map(([, rule, n]) => `${rule} ${n}`);
}

const post = (at: Sidecar, path: string) => fetch(`${at.url}/quiz/${path}`, { method: "POST", body: "{}" });

test("an app that fails fires an alert, in the API and the metric, through a restart that says it no second time, until it is well", async () => {
  const { toy, start } = await setUp();
  const first = await start(`${DOWN}, ${DEAD}`);
  await toy.behave({ kind: "status", status: 500 });
  const event = await first.event("alert.firing");
  expect(event).toMatchObject({ rule: "down", metric: "health_failures", app: "quiz", threshold: 1, unit: "count" });
  expect(event.value).toBeGreaterThan(1);
  const [shown] = await items(first, "?state=firing");
  expect(shown).toMatchObject({ id: event.id, rule: "down", state: "firing", app: "quiz", silence: null });
  expect(await firing(first)).toEqual(["down 1", "dead 0"]);
  await first.stop();

  const second = await start(`${DOWN}, ${DEAD}`);
  expect(await items(second)).toMatchObject([{ id: event.id, state: "firing", fired_at: shown?.fired_at }]);
  await post(second, "later");
  // A check after the restart has found this one, and so has looked at the other.
  expect(await second.event("alert.firing")).toMatchObject({ id: "dead", app: null, value: 1 });
  expect(await firing(second)).toEqual(["down 1", "dead 1"]);
  await toy.behave(WELL);
  expect(await second.event("alert.resolved")).toMatchObject({ id: event.id, cause: "recovered" });
  expect(second.events.filter(({ type }) => type === "alert.firing")).toHaveLength(1);
  expect(await items(second, "?state=resolved")).toMatchObject([{ id: event.id, cause: "recovered" }]);
  expect(await firing(second)).toEqual(["down 0", "dead 1"]);
});

test("what fires about an upstream ends as soon as that is up again, however far the next check is", async () => {
  const { toy, start } = await setUp();
  const sidecar = await start("", "1d");
  await toy.behave({ kind: "status", status: 500 });
  await sidecar.event("upstream.down");
  // Set at run time, it is checked at once.
  const rules = [{ name: "down", metric: "health_failures", above: 1 }];
  expect((await ask(sidecar, "/alerts/rules", { rules }, "PUT")).status).toBe(200);
  const { id } = await sidecar.event("alert.firing");
  await toy.behave(WELL);
  expect(await sidecar.event("alert.resolved")).toMatchObject({ id, cause: "recovered" });
});

test("nothing is said of a silenced alert, and operators see who keeps it quiet", async () => {
  const { toy, start } = await setUp();
  const sidecar = await start(`${DOWN}, ${DEAD}`);
  await toy.behave({ kind: "status", status: 500 });
  const { id } = await sidecar.event("alert.firing");
  expect((await ask(sidecar, `/alerts/${id}/silence`, { for: "1h", reason: "known" })).status).toBe(200);
  await toy.behave(WELL);
  // The dead letter below is looked at together with the app, which is well by then.
  await sidecar.event("upstream.up");
  await toy.behave({ kind: "status", status: 404 });
  await toy.health("healthy");
  await post(sidecar, "later");
  await sidecar.event("alert.firing", (event) => event.id === "dead");
  expect(await items(sidecar, "?rule=down")).toMatchObject([
    { state: "resolved", silence: { by: "ops", reason: "known" } },
  ]);
  expect(sidecar.events.filter(({ type }) => type === "alert.resolved")).toEqual([]);
  const { body } = await ask(sidecar, "/audit");
  expect(body.items).toMatchObject([{ action: "alert.silence", by: "ops", target: id }]);
});

test("rules set at run time are in force at once and after a restart, judged as the manifest's are, until they are deleted", async () => {
  const { toy, start } = await setUp();
  const first = await start(DEAD);
  await toy.behave({ kind: "status", status: 500 });
  for (let i = 0; i < 4; i++) await post(first, "answer");
  const wrong = await ask(
    first,
    "/alerts/rules",
    { rules: [{ name: "low", metric: "succes_rate", apps: ["poll"] }] },
    "PUT",
  );
  expect([wrong.status, (wrong.body.issues as { path: string; message: string }[])[0]]).toEqual([
    400,
    { path: "body.rules.0.metric", message: expect.stringContaining("did you mean success_rate?") },
  ]);
  const rules = [{ name: "low", metric: "success_rate", below: 90, over: "10m", min_samples: 4, apps: ["quiz"] }];
  const set = await ask(first, "/alerts/rules", { rules }, "PUT");
  expect(set.body).toMatchObject({ source: "api", set_by: "ops", rules });
  expect(await first.event("alert.firing")).toMatchObject({
    id: "low:quiz:answer",
    value: 0,
    threshold: 90,
    summary: "quiz/answer: success rate 0 % is below 90 %, over 10m (4 calls)",
  });
  await first.stop();
  const second = await start(DEAD);
  expect((await ask(second, "/alerts/rules")).body).toMatchObject({ source: "api", set_by: "ops", rules });
  const reset = await ask(second, "/alerts/rules", undefined, "DELETE");
  expect(reset.body).toMatchObject({ source: "manifest", set_by: null, rules: [{ name: "dead", above: 0 }] });
  expect(await items(second)).toMatchObject([{ id: "low:quiz:answer", state: "resolved", cause: "gone" }]);
  expect(second.events.filter(({ type }) => type.startsWith("alert."))).toEqual([]);
});
