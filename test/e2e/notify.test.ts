import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { json, startTestApp, type TestApp } from "../help/app.ts";
import { post } from "../help/call.ts";
import { type Child, startChild } from "../help/child.ts";
import { breakerMoved, upstreamMoved } from "../help/events.ts";
import { startPeer } from "../help/peers.ts";
import { type Sidecar, startSidecar } from "../help/sidecar.ts";
import { startMailServer, type TestMailServer } from "../help/smtp.ts";
import { type EventSocket, openEvents } from "../help/websocket.ts";

/** Notifications of the whole program: through its death, with everything failing that they go to. */

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean();
});

async function app(...behaviour: Parameters<typeof startTestApp>): Promise<TestApp> {
  const started = await startTestApp(...behaviour);
  cleanUp.push(() => started.stop());
  return started;
}

async function mailServer(at = 0): Promise<TestMailServer> {
  const server = await startMailServer({}, at);
  cleanUp.push(() => server.stop());
  return server;
}

async function sidecar(yaml: string): Promise<Sidecar> {
  const started = await startSidecar(yaml);
  cleanUp.push(() => started.stop());
  return started;
}

async function serve(yaml: string, dir: string): Promise<Child> {
  const child = await startChild(yaml, { dir });
  cleanUp.push(async () => {
    child.signal("SIGKILL");
    await child.ended;
  });
  return child;
}

interface View {
  readonly type: string;
  readonly room: string | null;
  readonly deliveries: readonly { channel: string; state: string; attempts: number; detail: string | null }[];
}

/** What the admin API answers to a GET, with the token of the data directory. */
async function ask<T>({ adminUrl, dir }: { adminUrl: string; dir: string }, path: string): Promise<T> {
  const token = readFileSync(join(dir, "data", "admin-token"), "utf8").trim();
  const response = await fetch(`${adminUrl}/api/v1/admin${path}`, { headers: { Authorization: `Bearer ${token}` } });
  return (await response.json()) as T;
}

const notifications = async (at: { adminUrl: string; dir: string }, query = ""): Promise<readonly View[]> =>
  (await ask<{ items: View[] }>(at, `/notifications${query}`)).items;

const QUIZ = (url: string): string => `
apps:
  quiz:
    owner: dev@quiz.example
    url: "${url}"
    context: { room: { header: X-Room-Id } }
    webhooks:
      winner: { path: /winner, retry: { attempts: 1 }, fallback: { strategy: static, body: { from: fallback } } }
      later: { path: /later, async: true }
`;
const SOON = "retry: { attempts: 20, initial: 10ms, max: 1s }";

test("mail that waits when the process is killed is sent after the start, once, and says so", async () => {
  const dir = mkdtempSync(join(tmpdir(), "outrigger-notify-"));
  cleanUp.push(() => rmSync(dir, { recursive: true, force: true }));
  const down = await startMailServer();
  await down.stop();
  const yaml = `${QUIZ("http://127.0.0.1:1")}
notify:
  channels: { admins: { type: email, smtp: "smtp://127.0.0.1:${down.port}", from: o@ops.example, to: ops@ops.example, retry: { attempts: 20, initial: 200ms, max: 1s } } }
  routes: [{ on: [fallback.used], to: [admins] }]
`;
  const first = await serve(yaml, dir);
  for (const room of ["41", "42"]) await post(`${first.url}/quiz/winner`, {}, { headers: { "X-Room-Id": room } });
  // Both are kept by then: the second waits for the first, whose try has failed.
  await expect
    .poll(async () => (await notifications(first)).map(({ deliveries }) => Number(deliveries[0]?.attempts) > 0), {
      timeout: 10_000,
    })
    .toEqual([false, true]);
  first.signal("SIGKILL");
  await first.ended;

  const server = await mailServer(down.port);
  const second = await serve(yaml, dir);
  await server.received(2);
  await expect
    .poll(async () => (await notifications(second)).map(({ deliveries }) => deliveries[0]?.state), { timeout: 10_000 })
    .toEqual(["sent", "sent"]);
  expect(server.mails.map(({ raw }) => /Room: (\d+)/.exec(raw)?.[1])).toEqual(["41", "42"]);
  expect(new Set(server.mails.map(({ headers }) => headers["message-id"])).size).toBe(2);
  expect((await notifications(second, "?room=42&unread=true")).map(({ room }) => room)).toEqual(["42"]);
  second.signal("SIGTERM");
  expect((await second.ended).code).toBe(0);
  expect(server.mails).toHaveLength(2);
});

test("with the mail server hanging, the chat failing and a reader stalled, callers and other channels notice nothing", async () => {
  const quiz = await app();
  const chat = await app(json(500, {}));
  const hook = await app();
  const hanging = await startPeer(() => undefined);
  cleanUp.push(() => hanging.stop());
  const own = await sidecar(`${QUIZ(quiz.url)}
notify:
  channels:
    admins: { type: email, smtp: "smtp://127.0.0.1:${hanging.port}", from: o@ops.example, to: ops@ops.example, timeout: 60s }
    chat: { type: slack, url: "${chat.url}", ${SOON} }
    hook: { type: webhook, url: "${hook.url}" }
  routes: [{ on: [breaker.opened, failover], to: [admins, chat, hook] }]
`);
  const token = readFileSync(join(own.dir, "data", "admin-token"), "utf8").trim();
  const reader = (await openEvents(`${own.adminUrl}/api/v1/admin/events/ws`, {
    Authorization: `Bearer ${token}`,
  })) as EventSocket;
  cleanUp.push(() => reader.socket.terminate());
  reader.socket.pause();
  for (let i = 0; i < 20; i++) own.app.bus.emit(i % 2 === 0 ? breakerMoved() : upstreamMoved());
  const later = Array.from({ length: 50 }, (_, n) => post(`${own.url}/quiz/later`, { n }));
  const answers = await Promise.all(Array.from({ length: 200 }, () => post(`${own.url}/quiz/winner`, {})));
  expect(new Set(answers.map(({ status, outcome }) => `${status} ${outcome}`))).toEqual(new Set(["200 ok"]));
  expect((await Promise.all(later)).map(({ status }) => status)).toEqual(Array(50).fill(202));
  // Calls and deliveries, each once.
  await quiz.received(250);
  // In order, each once; the chat is told once it works again.
  await hook.received(20);
  const types = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? "breaker.opened" : "failover"));
  expect(hook.got.map(({ body }) => (JSON.parse(String(body)) as { type: string }).type)).toEqual(types);
  const failed = chat.got.length;
  expect(failed).toBeGreaterThan(0);
  chat.behave(json(200, {}));
  const sentTo = async (channel: string): Promise<number> =>
    (await notifications(own)).filter(({ deliveries }) =>
      deliveries.some((one) => one.channel === channel && one.state === "sent"),
    ).length;
  await expect.poll(() => sentTo("chat"), { timeout: 30_000 }).toBe(20);
  expect(await sentTo("hook")).toBe(20);
  expect(hook.got).toHaveLength(20);
  expect(new Set(hook.got.map(({ headers }) => headers["webhook-id"])).size).toBe(20);
  const bodies = quiz.got.filter(({ url }) => url === "/later").map(({ body }) => String(body));
  expect([quiz.got.length, bodies.length, new Set(bodies).size]).toEqual([250, 50, 50]);
});

test("what waits to be told is no delivery: lists, counts and metrics of deliveries do not show it", async () => {
  const chat = await app(json(500, {}));
  const own = await sidecar(`${QUIZ("http://127.0.0.1:1")}
notify:
  channels: { chat: { type: slack, url: "${chat.url}", retry: { initial: 10m, max: 10m } } }
  routes: [{ on: [failover], to: [chat] }]
`);
  for (let i = 0; i < 3; i++) own.app.bus.emit(upstreamMoved());
  await chat.received(1);
  await expect
    .poll(async () => (await notifications(own)).map(({ deliveries }) => deliveries[0]?.attempts), { timeout: 10_000 })
    .toEqual([0, 0, 1]);
  expect(await ask(own, "/deliveries")).toEqual({ items: [], next: null });
  expect(JSON.stringify(await ask(own, "/status"))).not.toContain("#outrigger");
  const scrape = await (await fetch(`${own.adminUrl}/metrics`)).text();
  expect(scrape).not.toContain("#outrigger");
  expect(scrape).toMatch(/^outrigger_spool_jobs\{state="queued"\} 0$/m);
  expect(own.events.some((event) => "app" in event && event.app === "#outrigger")).toBe(false);
});

test("a notification that fails for good is shown as failed with the reason, counted, and no dead letter", async () => {
  const chat = await app(json(403, { error: "no" }));
  const own = await sidecar(`${QUIZ("http://127.0.0.1:1")}
notify:
  channels: { chat: { type: slack, url: "${chat.url}" } }
  routes: [{ on: [failover], to: [chat] }]
`);
  own.app.bus.emit(upstreamMoved());
  await expect
    .poll(async () => (await notifications(own)).map(({ deliveries }) => deliveries), { timeout: 10_000 })
    .toEqual([[expect.objectContaining({ channel: "chat", state: "failed", attempts: 1, detail: "answered 403" })]]);
  const scrape = await (await fetch(`${own.adminUrl}/metrics`)).text();
  expect(scrape).toContain('outrigger_notifications_total{channel="chat",result="failed"} 1');
  expect(await ask(own, "/dlq")).toEqual({ items: [], next: null });
  expect(own.events.map(({ type }) => type)).not.toContain("dlq.added");
});

test("where the spool takes nothing more, channels are told directly, also that it is full", async () => {
  const hook = await app();
  const quiz = await app((_got, res) => void res.socket?.destroy());
  const own = await sidecar(`${QUIZ(quiz.url)}
spool: { max_jobs: 1 }
notify:
  channels: { hook: { type: webhook, url: "${hook.url}" } }
  routes: [{ on: [spool.full, failover], to: [hook] }]
`);
  await own.app.reload("test");
  expect((await post(`${own.url}/quiz/later`, {})).status).toBe(202);
  expect((await post(`${own.url}/quiz/later`, {})).status).toBe(503);
  await hook.received(1);
  own.app.bus.emit(upstreamMoved());
  await hook.received(2);
  const types = hook.got.map(({ body }) => (JSON.parse(String(body)) as { type: string }).type);
  expect(types).toEqual(["spool.full", "failover"]);
});
