import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { afterEach, expect, test } from "vitest";
import { json, startTestApp, type TestApp } from "../help/app.ts";
import { post } from "../help/call.ts";
import { type Child, type ChildOptions, runChild, startChild } from "../help/child.ts";
import { startSidecar } from "../help/sidecar.ts";

/** What outlives the process, and what keeps a second one from starting. */

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean();
});

async function startApp(...behaviour: Parameters<typeof startTestApp>): Promise<TestApp> {
  const app = await startTestApp(...behaviour);
  cleanUp.push(() => app.stop());
  return app;
}

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), "outrigger-restart-"));
  cleanUp.push(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

async function serve(yaml: string, options: ChildOptions = {}): Promise<Child> {
  const child = await startChild(yaml, options);
  cleanUp.push(() => kill(child));
  return child;
}

async function kill(child: Child): Promise<void> {
  child.signal("SIGKILL");
  await child.ended;
}

/** Resolves once the file says that a breaker is open: the row is on its way for some milliseconds. */
async function openOnDisk(dir: string): Promise<void> {
  const db = new Sqlite(join(dir, "data", "history.db"), { readonly: true, fileMustExist: true });
  const open = db.prepare<[], number>("SELECT count(*) FROM breakers WHERE state = 'open'").pluck();
  while (open.get() === 0) await new Promise(setImmediate);
  db.close();
}

const QUIZ = (url: string, settings = ""): string => `
apps:
  quiz:
    owner: dev@quiz.example
    url: ${url}
    webhooks:
      winner: { path: /winner, retry: { attempts: 1 }, fallback: { strategy: static, body: { from: fallback } } ${settings} }
      plain: { path: /plain, retry: { attempts: 1 } }
`;

test("1,000 rapid failures: the breaker opens after the fifth, the app sees those in flight and no more", async () => {
  const app = await startApp(json(500, {}));
  const sidecar = await startSidecar(QUIZ(app.url));
  cleanUp.push(() => sidecar.stop());
  const callers = 10;
  const answers: { readonly outcome: string; readonly text: string }[] = [];
  const caller = async (): Promise<void> => {
    for (let n = 0; n < 1000 / callers; n++) answers.push(await post(`${sidecar.url}/quiz/winner`, {}));
  };
  await Promise.all(Array.from({ length: callers }, caller));
  expect(answers.length).toBe(1000);
  for (const answer of answers) {
    expect(answer.outcome).toMatch(/^fallback;reason=(status|breaker_open);strategy=static$/);
    expect(JSON.parse(answer.text)).toEqual({ from: "fallback" });
  }
  const opened = sidecar.events.findIndex((event) => event.type === "breaker.opened");
  const failedBefore = sidecar.events.slice(0, opened).filter((event) => event.type === "request.completed");
  expect(sidecar.events[opened]).toMatchObject({ cause: "failures", capability: "winner" });
  expect(failedBefore.length).toBeLessThanOrEqual(5);
  expect(app.got.length).toBeGreaterThanOrEqual(5);
  expect(app.got.length).toBeLessThanOrEqual(5 + callers - 1);
}, 30_000);

test("killed with SIGKILL and started again: the breaker is still open, with the time that is left", async () => {
  const app = await startApp(json(500, {}));
  const dir = folder();
  const first = await serve(QUIZ(app.url), { dir });
  for (let n = 0; n < 5; n++) await post(`${first.url}/quiz/plain`, {});
  const { until } = await first.line((line) => line.event === "breaker.opened");
  const before = Number((await post(`${first.url}/quiz/plain`, {})).headers["retry-after"]);
  expect(before).toBeGreaterThan(50);
  expect(before).toBeLessThanOrEqual(60);
  await openOnDisk(dir);
  await kill(first);
  const seen = app.got.length;

  const second = await serve(QUIZ(app.url), { dir });
  const leftMs = Date.parse(String(until)) - Date.now();
  const answer = await post(`${second.url}/quiz/plain`, {});
  expect(answer).toMatchObject({ status: 503, outcome: "failed;reason=breaker_open" });
  const after = Number(answer.headers["retry-after"]);
  expect(after).toBeLessThanOrEqual(Math.ceil(leftMs / 1000));
  expect(after).toBeGreaterThan(leftMs / 1000 - 5);
  expect(app.got.length).toBe(seen);
  // The route that never failed is not held responsible.
  app.behave(json(200, {}));
  expect((await post(`${second.url}/quiz/winner`, {})).outcome).toBe("ok");
});

test("killed under load, and again at once: what is on the disk is never lost, and the folder stays whole", async () => {
  const app = await startApp(json(500, {}));
  const dir = folder();
  const yaml = QUIZ(app.url, ", breaker: { failures: 3 }");
  const first = await serve(yaml, { dir });
  const load = Array.from({ length: 50 }, () => post(`${first.url}/quiz/winner`, {}).catch(() => null));
  const { until } = await first.line((line) => line.event === "breaker.opened");
  await openOnDisk(dir);
  await kill(first);
  await Promise.all(load);
  const seen = app.got.length;
  for (let n = 0; n < 2; n++) {
    const next = await serve(yaml, { dir });
    expect((await post(`${next.url}/quiz/winner`, {})).outcome).toBe("fallback;reason=breaker_open;strategy=static");
    const restored = await next.line((line) => line.event === "breaker.opened");
    expect(restored).toMatchObject({ cause: "restored" });
    expect(Math.abs(Date.parse(String(restored.until)) - Date.parse(String(until)))).toBeLessThan(50);
    await kill(next);
  }
  expect(app.got.length).toBe(seen);
});

test("revisions count on through a restart", async () => {
  const app = await startApp();
  const dir = folder();
  for (const revision of [1, 2]) {
    const sidecar = await startSidecar(QUIZ(app.url), { dir });
    expect(sidecar.app.manifests.current).toMatchObject({ revision, by: "start" });
    await sidecar.app.stop();
  }
});

test("a data directory that a living process owns is refused, saying whose it is", async () => {
  const app = await startApp();
  const dir = folder();
  const first = await serve(QUIZ(app.url), { dir });
  const { code, stdout, stderr } = await runChild(QUIZ(app.url), { dir });
  expect(code).toBe(1);
  expect(stdout).not.toContain('"ready"');
  expect(stderr).toContain(`${join(dir, "data")} is in use by process ${first.pid}: stop that Outrigger`);
  expect((await post(`${first.url}/quiz/winner`, {})).outcome).toBe("ok");
});

test("a port in use is refused by name, and the folder is free again", async () => {
  const app = await startApp();
  const dir = folder();
  const other = createServer().listen(0, "127.0.0.1");
  cleanUp.push(() => other.close());
  await new Promise((resolve) => other.once("listening", resolve));
  const { port } = other.address() as { port: number };
  const { code, stderr } = await runChild(QUIZ(app.url), { dir, proxy: `127.0.0.1:${port}` });
  expect(code).toBe(1);
  expect(stderr).toContain(`127.0.0.1:${port} is in use: stop the program that listens there`);
  expect(stderr).not.toMatch(/\n\s+at /);
  const sidecar = await startSidecar(QUIZ(app.url), { dir });
  await sidecar.app.stop();
});

test("a bad manifest: every problem is on stderr with file, line and column, and the exit code is 1", async () => {
  const { code, stdout, stderr } = await runChild(
    "limits: { connections: many }\napps:\n  quiz: { webhooks: { answer: { timeuot: 5s } } }\n",
    { env: { WEBHOOK_TIMEOUT_DEFAULT: "soon" } },
  );
  expect(code).toBe(1);
  expect(stdout).toBe("");
  expect(stderr).toMatch(/outrigger\.yaml:4:\d+ limits\.connections: /);
  expect(stderr).toMatch(/outrigger\.yaml:6:\d+ apps\.quiz\.webhooks\.answer\.timeuot: /);
  expect(stderr).toMatch(/^WEBHOOK_TIMEOUT_DEFAULT: /m);
  expect(stderr).toContain("try: outrigger check ");
});

test("a damaged history.db is set aside: the process starts, says so loudly, and answers callers", async () => {
  const app = await startApp();
  const dir = folder();
  const first = await serve(QUIZ(app.url), { dir });
  await post(`${first.url}/quiz/winner`, {});
  await kill(first);
  for (const suffix of ["-wal", "-shm"]) rmSync(join(dir, "data", `history.db${suffix}`), { force: true });
  writeFileSync(join(dir, "data", "history.db"), "no database, whatever the name says ".repeat(500));

  const second = await serve(QUIZ(app.url), { dir });
  const said = await second.line((line) => line.event === "storage.failing");
  expect(said).toMatchObject({ level: "warn", store: "history" });
  expect(said.detail).toContain("damaged");
  expect(readdirSync(join(dir, "data")).some((name) => name.startsWith("history.db.damaged-"))).toBe(true);
  expect((await post(`${second.url}/quiz/winner`, {})).outcome).toBe("ok");
});

test("a limit of open files below limits.connections is warned of at start", async () => {
  const app = await startApp();
  const low = await serve(QUIZ(app.url), { openFiles: 500 });
  const warned = await low.line((line) => line.level === "warn" && line.files === 500);
  expect(warned).toMatchObject({ connections: 10_000 });
  expect(warned.msg).toContain("below limits.connections");
  expect((await post(`${low.url}/quiz/winner`, {})).outcome).toBe("ok");
  const enough = await serve(`limits: { connections: 400 }\n${QUIZ(app.url)}`, { openFiles: 500 });
  expect(enough.lines.filter((line) => "files" in line && "connections" in line)).toEqual([]);
});
