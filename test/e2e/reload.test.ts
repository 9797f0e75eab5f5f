import { mkdirSync, readFileSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { runCli } from "../../src/cli/program.ts";
import { statusCommand } from "../../src/cli/status.ts";
import { type Behaviour, hang, json, startTestApp, type TestApp } from "../help/app.ts";
import { call, post } from "../help/call.ts";
import { createIo } from "../help/io.ts";
import { recordingUpstream } from "../help/raw.ts";
import { type Sidecar, startSidecar } from "../help/sidecar.ts";

/** Reload: one manifest follows another under load, and nobody who calls can tell but by what it says. */

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean();
});

async function startApp(behaviour?: Behaviour): Promise<TestApp> {
  const app = await startTestApp(behaviour);
  cleanUp.push(() => app.stop());
  return app;
}

async function start(yaml: string, given: Parameters<typeof startSidecar>[1] = {}): Promise<Sidecar> {
  const sidecar = await startSidecar(yaml, given);
  cleanUp.push(() => sidecar.stop());
  return sidecar;
}

/** An app `quiz` at `url`: `webhooks` is YAML in braces, `rest` further keys of the app, in one line each. */
function quiz(url: string, webhooks = "{ answer: /answer }", rest = ""): string {
  return `apps: { quiz: { owner: dev@quiz.example, url: "${url}", webhooks: ${webhooks}${rest && `, ${rest}`} } }\n`;
}

/** Writes the manifest and applies it, or fails saying why not. */
async function apply(sidecar: Sidecar, yaml: string): Promise<void> {
  sidecar.write(yaml);
  expect(await sidecar.app.reload("test")).toMatchObject({ ok: true });
}

function keepAlive(): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  cleanUp.push(() => agent.destroy());
  return agent;
}

test("25 reloads under load lose no request, break none, and answer none by a mixture of two manifests", async () => {
  const app = await startApp((got, res) => {
    res.writeHead(200, { "Content-Type": "application/json" });
    res.end(JSON.stringify({ path: got.url, header: got.headers["x-revision"], body: got.body.toString() }));
  });
  const manifest = (n: number): string =>
    quiz(app.url, `{ answer: { path: /v${n}, timeout: ${1000 + n}, headers: { set: { X-Revision: "${n}" } } } }`);
  const sidecar = await start(manifest(0));
  let done = false;
  const seen = new Set<string>();
  const caller = async (name: number): Promise<number> => {
    const agent = keepAlive();
    let n = 0;
    for (; !done; n++) {
      const sent = `${name}-${n}`;
      const answer = await call(`${sidecar.url}/quiz/answer`, { body: sent, agent });
      expect(answer).toMatchObject({ status: 200, outcome: "ok" });
      const { path, header, body } = JSON.parse(answer.text) as Record<string, string>;
      expect({ path, body }).toEqual({ path: `/v${header}`, body: sent });
      seen.add(String(header));
    }
    return n;
  };
  const callers = Array.from({ length: 20 }, (_, name) => caller(name));
  await app.received(20);
  for (let n = 1; n <= 25; n++) {
    await apply(sidecar, manifest(n));
    await app.received(app.got.length + 40);
  }
  done = true;
  const counts = await Promise.all(callers);
  const all = counts.reduce((sum, n) => sum + n, 0);
  expect(all).toBeGreaterThanOrEqual(500);
  expect(app.got.length).toBe(all);
  expect(seen.size).toBe(26);
  expect(sidecar.app.inFlight()).toBe(0);
  expect(sidecar.events.filter((e) => e.type === "request.completed" && e.outcome !== "ok")).toEqual([]);
}, 30_000);

test("a request in flight finishes under the manifest it began with: its timeout, its fallback, its upstream", async () => {
  const old = await startApp(hang);
  const young = await startApp();
  const manifest = (url: string, name: string, timeout: number): string =>
    quiz(url, `{ answer: { path: /a, timeout: ${timeout}, fallback: { strategy: static, body: { from: ${name} } } } }`);
  const sidecar = await start(manifest(old.url, "old", 1000));
  const first = post(`${sidecar.url}/quiz/answer`, {});
  await old.received(1);
  await apply(sidecar, manifest(young.url, "new", 9000));
  expect(await post(`${sidecar.url}/quiz/answer`, {})).toMatchObject({ status: 200, outcome: "ok" });
  const answer = await first;
  expect(answer.outcome).toBe("fallback;reason=timeout;strategy=static");
  expect(JSON.parse(answer.text)).toEqual({ from: "old" });
  expect(answer.ms).toBeLessThan(1500);
  expect(old.got.length).toBe(1);
});

test("a request that is to be tried again goes on at its old upstream, which is left after its last request", async () => {
  const answers: (() => void)[] = [];
  const old = await startApp((_got, res, n) => {
    answers.push(() => res.writeHead(n === 0 ? 500 : 200, { "Content-Length": 0 }).end());
  });
  const young = await startApp();
  const manifest = (url: string): string =>
    quiz(url, "{ answer: { path: /a, retry: { repeat: always, initial: 1, max: 1 } } }");
  const sidecar = await start(manifest(old.url));
  const first = post(`${sidecar.url}/quiz/answer`, {});
  await old.received(1);
  await apply(sidecar, manifest(young.url));
  answers[0]?.();
  await old.received(2);
  expect(old.connections()).toBeGreaterThan(0);
  answers[1]?.();
  expect(await first).toMatchObject({ status: 200, outcome: "ok" });
  await old.idle();
  expect(young.got.length).toBe(0);
});

test("a stream under way through a passthrough route outlives the reload that drops its upstream", async () => {
  const ends: (() => void)[] = [];
  const old = await startApp((_got, res) => {
    res.writeHead(200, { "Content-Type": "text/plain" });
    res.write("the beginning, ");
    ends.push(() => res.end("the end"));
  });
  const young = await startApp();
  const manifest = (url: string): string => quiz(url, "{ stream: { path: /s, mode: passthrough } }");
  const sidecar = await start(manifest(old.url));
  const answer = call(`${sidecar.url}/quiz/stream`);
  await old.received(1);
  await apply(sidecar, manifest(young.url));
  ends[0]?.();
  expect(await answer).toMatchObject({ status: 200, outcome: "ok", text: "the beginning, the end" });
  await old.idle();
  expect(await call(`${sidecar.url}/quiz/stream`)).toMatchObject({ status: 200, text: '{"ok":true}' });
});

test("connections to an upstream that stays are kept", async () => {
  const upstream = await recordingUpstream();
  cleanUp.push(() => upstream.stop());
  const sidecar = await start(quiz(upstream.url));
  for (let n = 0; n < 5; n++) {
    await apply(sidecar, quiz(upstream.url, `{ answer: { path: /answer, timeout: ${2000 + n} } }`));
    expect((await post(`${sidecar.url}/quiz/answer`, {})).status).toBe(200);
  }
  expect(upstream.connections()).toBe(1);
});

test("a rate limit goes on where it was: what is used up stays used up, a larger burst counts at once", async () => {
  const app = await startApp();
  const limit = (burst: number): string => quiz(app.url, undefined, `rate_limit: { rps: 0.01, burst: ${burst} }`);
  const sidecar = await start(limit(2));
  const status = async (): Promise<number> => (await post(`${sidecar.url}/quiz/answer`, {})).status;
  expect([await status(), await status(), await status()]).toEqual([200, 200, 429]);
  await apply(sidecar, `${limit(2)}limits: { drain: 20s }\n`);
  expect(await status()).toBe(429);
  await apply(sidecar, limit(4));
  expect([await status(), await status(), await status()]).toEqual([200, 200, 429]);
});

test("a breaker keeps its state through a reload, and new settings hold from its next event", async () => {
  const app = await startApp(json(500, {}));
  const breaker = (settings: string): string =>
    quiz(app.url, `{ answer: { path: /answer, retry: { attempts: 1 }, breaker: { ${settings} } } }`);
  const sidecar = await start(breaker("failures: 5"));
  const outcome = async (): Promise<string> => (await post(`${sidecar.url}/quiz/answer`, {})).outcome;
  for (let n = 0; n < 3; n++) expect(await outcome()).toBe("failed;reason=status");
  await apply(sidecar, breaker("failures: 4"));
  expect(await outcome()).toBe("failed;reason=status");
  // Four failures in all: three under the old settings, the one that counts under the new.
  expect(await outcome()).toBe("failed;reason=breaker_open");
  await apply(sidecar, breaker("failures: 50"));
  expect(await outcome()).toBe("failed;reason=breaker_open");
  expect(app.got.length).toBe(4);
  await apply(sidecar, breaker("enabled: false"));
  expect(await outcome()).toBe("failed;reason=status");
});

test("a route that is removed is 404 from then on, and comes back with its breaker as it was", async () => {
  const app = await startApp(json(500, {}));
  const both = quiz(app.url, "{ answer: { path: /a, retry: { attempts: 1 } }, other: /other }");
  const sidecar = await start(both);
  for (let n = 0; n < 5; n++) await post(`${sidecar.url}/quiz/answer`, {});
  await sidecar.event("breaker.opened");
  await apply(sidecar, quiz(app.url, "{ other: /other }"));
  expect(await post(`${sidecar.url}/quiz/answer`, {})).toMatchObject({ status: 404 });
  await apply(sidecar, both);
  const back = await post(`${sidecar.url}/quiz/answer`, {});
  expect(back).toMatchObject({ status: 503, outcome: "failed;reason=breaker_open" });
  expect(Number(back.headers["retry-after"])).toBeGreaterThan(50);
  expect(app.got.length).toBe(5);
});

test("a bad manifest changes nothing, and every problem of it is told with file, line and column", async () => {
  const app = await startApp();
  const sidecar = await start(quiz(app.url));
  const before = sidecar.app.manifests.current;
  sidecar.write(`limits: { connections: many }\n${quiz(app.url, "{ answer: { path: answer, timeuot: 1s } }")}`);
  const result = await sidecar.app.reload("ops");
  const { problems, by } = await sidecar.event("manifest.rejected");
  expect(result).toEqual({ ok: false, error: problems });
  expect(by).toBe("ops");
  const at = (line: number, path: string): RegExp => new RegExp(`^${sidecar.file}:${line}:\\d+ ${path}: `);
  expect(problems[0]).toMatch(at(4, "limits.connections"));
  expect(problems.slice(1).toSorted()).toEqual([
    expect.stringMatching(at(5, "apps.quiz.webhooks.answer.path")),
    expect.stringMatching(at(5, "apps.quiz.webhooks.answer.timeuot")),
  ]);
  expect(sidecar.app.manifests.current).toBe(before);
  expect(await post(`${sidecar.url}/quiz/answer`, {})).toMatchObject({ status: 200 });
});

test("what can't change while running is refused by name, and nothing of that manifest is applied", async () => {
  const app = await startApp();
  const whole = (proxy: string, dir: string, path: string): string =>
    `version: 1\nlisten: { proxy: "${proxy}", admin: "127.0.0.1:0" }\ndata_dir: ${dir}\n${quiz(app.url, `{ answer: ${path} }`)}`;
  const sidecar = await start(whole("127.0.0.1:0", "./data", "/old"), { whole: true });
  sidecar.write(whole("127.0.0.1:1", "./elsewhere", "/new"));
  const result = await sidecar.app.reload("test");
  expect(result.ok).toBe(false);
  const why = "can't change while running";
  expect(result.ok ? [] : result.error).toEqual([
    expect.stringMatching(`^${sidecar.file}:2:1 listen: .*${why}`),
    expect.stringMatching(`^${sidecar.file}:3:1 data_dir: .*${why}`),
  ]);
  await post(`${sidecar.url}/quiz/answer`, {});
  expect(app.got[0]?.url).toBe("/old");
});

test("a manifest that says the same makes no revision; each that says something else makes one", async () => {
  const app = await startApp();
  const sidecar = await start(quiz(app.url));
  expect(sidecar.app.manifests.current.revision).toBe(1);
  await apply(sidecar, `# a comment\n${quiz(app.url)}`);
  expect(sidecar.app.manifests.current.revision).toBe(1);
  await apply(sidecar, quiz(app.url, "{ answer: /elsewhere }"));
  expect(sidecar.app.manifests.current).toMatchObject({ revision: 2, by: "test" });
  await apply(sidecar, quiz(app.url));
  expect(sidecar.app.manifests.current.revision).toBe(3);
});

test("reloads asked for while one runs are one reload after it, which sees the newest text", async () => {
  const app = await startApp();
  const sidecar = await start(quiz(app.url));
  const applied = (): number => sidecar.events.filter((e) => e.type === "manifest.applied").length;
  sidecar.write(quiz(app.url, "{ answer: /a }"));
  const first = sidecar.app.reload("first");
  sidecar.write(quiz(app.url, "{ answer: /b }"));
  const others = Array.from({ length: 10 }, (_, n) => sidecar.app.reload(`other ${n}`));
  expect(await first).toMatchObject({ ok: true, value: { revision: 2, by: "first" } });
  for (const other of await Promise.all(others)) {
    expect(other).toMatchObject({ ok: true, value: { revision: 3, by: "other 0" } });
  }
  expect(applied()).toBe(2);
  await post(`${sidecar.url}/quiz/answer`, {});
  expect(app.got[0]?.url).toBe("/b");

  // A refusal is told each time the file is read, so it counts the readings.
  sidecar.write("apps: nonsense\n");
  const refused = await Promise.all(Array.from({ length: 10 }, () => sidecar.app.reload("test")));
  expect(refused.every(({ ok }) => !ok)).toBe(true);
  expect(sidecar.events.filter((e) => e.type === "manifest.rejected" && e.by === "test").length).toBe(2);
});

test("new limits hold for the next request and the next connection", async () => {
  const app = await startApp();
  const sidecar = await start(quiz(app.url));
  const long = { "X-Long": "x".repeat(3000) };
  expect((await post(`${sidecar.url}/quiz/answer`, {}, { headers: long })).status).toBe(200);
  await apply(sidecar, `limits: { header_bytes: 2KiB }\n${quiz(app.url)}`);
  expect((await post(`${sidecar.url}/quiz/answer`, {}, { headers: long })).status).toBe(431);
  await apply(sidecar, `limits: { headers: 4 }\n${quiz(app.url)}`);
  expect((await post(`${sidecar.url}/quiz/answer`, {})).status).toBe(200);
  expect((await post(`${sidecar.url}/quiz/answer`, {}, { headers: { A: "1", B: "2" } })).status).toBe(431);
});

test("a file written in place, replaced by a rename, or swapped behind a symlink is applied without a call", async () => {
  const app = await startApp();
  const sidecar = await start("include: [mounted/*.yaml]\n");
  const appliedAfter = (revision: number): Promise<unknown> =>
    sidecar.event("manifest.applied", (event) => event.revision === revision && event.by === "file");
  const target = async (): Promise<string | undefined> => {
    const { length } = app.got;
    await post(`${sidecar.url}/quiz/answer`, {});
    return app.got[length]?.url;
  };
  sidecar.write(quiz(app.url, "{ answer: /in-place }"));
  await appliedAfter(2);
  expect(await target()).toBe("/in-place");

  const beside = join(sidecar.dir, "outrigger.yaml.new");
  const head = readFileSync(sidecar.file, "utf8").split("\n").slice(0, 3);
  writeFileSync(beside, [...head, "include: [mounted/*.yaml]\n"].join("\n"));
  renameSync(beside, sidecar.file);
  await appliedAfter(3);

  // As a kubelet does it: files → ..data → a folder with a time, and ..data is replaced by a rename.
  const mounted = join(sidecar.dir, "mounted");
  const mount = (version: string): void => {
    mkdirSync(join(mounted, version), { recursive: true });
    writeFileSync(join(mounted, version, "quiz.yaml"), quiz(app.url, `{ answer: /${version} }`));
    symlinkSync(version, join(mounted, "..data_tmp"));
    renameSync(join(mounted, "..data_tmp"), join(mounted, "..data"));
  };
  mount("v1");
  symlinkSync("..data/quiz.yaml", join(mounted, "quiz.yaml"));
  await appliedAfter(4);
  expect(await target()).toBe("/v1");
  mount("v2");
  await appliedAfter(5);
  expect(await target()).toBe("/v2");
  unlinkSync(join(mounted, "quiz.yaml"));
  await appliedAfter(6);
  expect((await post(`${sidecar.url}/quiz/answer`, {})).status).toBe(404);
});

test("a schema that a route names is read again when it changes", async () => {
  const app = await startApp(json(200, { winner: "ada" }));
  const sidecar = await start("apps: {}\n");
  const schema = join(sidecar.dir, "answer.schema.json");
  writeFileSync(schema, JSON.stringify({ required: ["winner"] }));
  await apply(sidecar, quiz(app.url, "{ answer: { path: /a, response: { schema: ./answer.schema.json } } }"));
  expect(await post(`${sidecar.url}/quiz/answer`, {})).toMatchObject({ status: 200, outcome: "ok" });
  writeFileSync(schema, JSON.stringify({ required: ["loser"] }));
  await sidecar.event("manifest.applied", (event) => event.by === "file");
  expect((await post(`${sidecar.url}/quiz/answer`, {})).outcome).toBe("failed;reason=invalid_response");
});

test("a refused manifest is tried again when the file that spoiled it is mended, though it was never in force", async () => {
  const app = await startApp();
  const sidecar = await start(quiz(app.url));
  const included = join(sidecar.dir, "parts", "more.yaml");
  mkdirSync(join(sidecar.dir, "parts"));
  writeFileSync(included, "apps: { more: { url: nowhere } }\n");
  sidecar.write("include: [parts/more.yaml]\n");
  const { problems } = await sidecar.event("manifest.rejected", (event) => event.by === "file");
  expect(problems[0]).toContain(`${included}:1:`);
  writeFileSync(included, quiz(app.url, "{ answer: /mended }"));
  await sidecar.event("manifest.applied", (event) => event.by === "file");
  await post(`${sidecar.url}/quiz/answer`, {});
  expect(app.got[0]?.url).toBe("/mended");
});

test("a reload while a caller is still sending keeps to the route that took the request in", async () => {
  const app = await startApp();
  const sidecar = await start(quiz(app.url, "{ answer: /old }"));
  const answered = new Promise<number>((resolve, reject) => {
    const req = request(`${sidecar.url}/quiz/answer`, { method: "POST", headers: { "Content-Length": 4 } });
    req.on("error", reject).on("response", (res) => resolve(res.resume().statusCode ?? 0));
    req.write("ab");
    void (async () => {
      while (sidecar.app.inFlight() === 0) await new Promise(setImmediate);
      await apply(sidecar, quiz(app.url, "{ other: /other }"));
      req.end("cd");
    })();
  });
  expect(await answered).toBe(200);
  expect(app.got[0]).toMatchObject({ url: "/old", body: Buffer.from("abcd") });
});

test("a refused reload is in the status until one goes well, be it the old file again", async () => {
  const app = await startApp();
  const good = quiz(app.url);
  const sidecar = await start(good, { env: { OUTRIGGER_ADMIN_TOKEN: "an-operators-token-for-this" } });
  const rejected = async (): Promise<unknown> => {
    const response = await fetch(`${sidecar.adminUrl}/api/v1/admin/status`, {
      headers: { Authorization: "Bearer an-operators-token-for-this" },
    });
    return ((await response.json()) as { rejected: unknown }).rejected;
  };
  expect(await rejected()).toBeNull();
  sidecar.write(quiz(app.url, "{ answer: { path: /a, timeout: never } }"));
  expect(await sidecar.app.reload("signal")).toMatchObject({ ok: false });
  expect(await rejected()).toMatchObject({
    at: expect.stringMatching(/^20\d\d-.*Z$/),
    count: 1,
    problems: [expect.stringContaining("timeout")],
  });
  await apply(sidecar, good);
  expect(await rejected()).toBeNull();
});

test("by its manifest a command finds the sidecar on its free port, also after a refused reload, and says that it is one", async () => {
  const app = await startApp();
  const sidecar = await start(quiz(app.url));
  const status = async (): Promise<{ code: number; out: string; err: string }> => {
    const io = createIo();
    const code = await runCli(["status", "-c", sidecar.file], io, [statusCommand]);
    return { code, out: io.out(), err: io.err() };
  };
  expect(await status()).toMatchObject({ code: 0, out: expect.stringContaining(sidecar.app.admin), err: "" });
  sidecar.write(quiz(app.url, "{ answer: { path: /a, timeout: never } }"));
  const found = await status();
  expect(found).toMatchObject({ code: 0, out: expect.stringContaining(sidecar.app.admin) });
  expect(found.err).toMatch(/^note: .*outrigger.yaml is not valid: what runs goes by an earlier one.*:4:\d+ .*timeout/);
  await sidecar.app.stop();
  expect((await status()).err).toContain("no sidecar of");
});
