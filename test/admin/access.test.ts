import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { api, OPERATOR, startAdmin, type TestAdmin, VIEWER } from "../help/admin.ts";
import { createManualClock } from "../help/manual-clock.ts";

const STATUS = "/api/v1/admin/status";

/** Sends headers as they are given, Host too, which fetch does not let anybody set. */
async function send(
  url: string,
  path: string,
  headers: Record<string, string | string[]>,
): Promise<{ status: number; body: Record<string, unknown>; headers: Record<string, unknown> }> {
  const req = request(`${url}${path}`, { headers: { Authorization: `Bearer ${OPERATOR}`, ...headers } });
  req.end();
  const [res] = await once(req, "response");
  let text = "";
  for await (const chunk of res) text += chunk;
  return { status: res.statusCode, body: JSON.parse(text), headers: res.headers };
}

/** Sends bytes and gives all that comes back until the connection ends. */
async function sendRaw(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.end(bytes);
  let text = "";
  for await (const chunk of socket) text += chunk;
  return text;
}

const withToken = (admin: TestAdmin, token: string, path = STATUS, method = "GET") =>
  admin.ask(path, { method, headers: { Authorization: `Bearer ${token}` } });

test("probes and metrics are answered without token and for any host", async () => {
  const admin = await startAdmin();
  for (const path of ["/livez", "/readyz", "/metrics"]) {
    const response = await fetch(`${admin.url}${path}`);
    expect(response.status).toBe(200);
  }
  expect((await send(admin.url, "/livez", { Host: "pod.cluster.local:9090" })).body).toEqual({ status: "live" });
  expect(await (await fetch(`${admin.url}/metrics`)).text()).toBe("up 1\n");
  expect((await fetch(`${admin.url}/metrics`)).headers.get("content-type")).toBe(
    "text/plain; version=0.0.4; charset=utf-8",
  );
  expect(await sendRaw(admin.url, "GET /livez HTTP/1.0\r\n\r\n")).toMatch(/^HTTP\/1\.1 200 OK/);
});

test("readiness says why not, with 503", async () => {
  const admin = await startAdmin({ ready: () => ({ ready: false, reasons: ["stopping"] }) });
  const response = await fetch(`${admin.url}/readyz`);
  expect(response.status).toBe(503);
  expect(await response.json()).toEqual({ ready: false, reasons: ["stopping"] });
});

test("without a token, or with one that is not known, there is a 401 that says how to send one", async () => {
  const admin = await startAdmin();
  for (const headers of [
    {},
    { Authorization: `Basic ${OPERATOR}` },
    { Authorization: "Bearer wrong" },
    { Authorization: `Bearer ${OPERATOR}x` },
    { Authorization: `Bearer ${OPERATOR.slice(0, -1)}` },
  ]) {
    const response = await fetch(`${admin.url}${STATUS}`, { headers });
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe('Bearer realm="outrigger"');
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.json()).toMatchObject({ type: "urn:outrigger:problem:unauthorized", status: 401 });
  }
  expect((await withToken(admin, OPERATOR)).status).toBe(200);
  expect((await admin.ask(STATUS, { headers: { Authorization: `bearer ${VIEWER}` } })).status).toBe(200);
});

test("even what is not there needs a token below the API's base", async () => {
  const admin = await startAdmin();
  expect((await fetch(`${admin.url}/api/v1/admin/nothing`)).status).toBe(401);
  expect((await fetch(`${admin.url}/elsewhere`)).status).toBe(404);
});

test("a viewer may read and explain, and may change nothing", async () => {
  const admin = await startAdmin();
  expect((await withToken(admin, VIEWER)).status).toBe(200);
  const explained = await admin.ask("/api/v1/admin/explain", {
    method: "POST",
    headers: { Authorization: `Bearer ${VIEWER}`, "Content-Type": "application/json" },
    body: '{"path":"/quiz/winner"}',
  });
  expect(explained.status).toBe(404);
  for (const path of ["/circuit-breaker/quiz/winner/reset", "/manifest/reload", "/manifest/validate"]) {
    const response = await withToken(admin, VIEWER, `/api/v1/admin${path}`, "POST");
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ type: "urn:outrigger:problem:forbidden" });
  }
  expect(admin.audit).toEqual([]);
});

test("tokens of a reload hold at once", async () => {
  let tokens = [{ name: "old", role: "viewer" as const, token: "old-token" }];
  const admin = await startAdmin({ tokens: () => tokens });
  expect((await withToken(admin, "old-token")).status).toBe(200);
  tokens = [{ name: "new", role: "viewer" as const, token: "new-token" }];
  expect((await withToken(admin, "old-token")).status).toBe(401);
  expect((await withToken(admin, "new-token")).status).toBe(200);
});

test("too many wrong tokens from an address shut it out, the right one too, until it has waited", async () => {
  const clock = createManualClock();
  const admin = await startAdmin({ clock });
  for (let i = 0; i < 10; i++) expect((await withToken(admin, `guess-${i}`)).status).toBe(401);
  const shut = await withToken(admin, OPERATOR);
  expect(shut.status).toBe(429);
  expect(shut.headers.get("retry-after")).toBe("6");
  expect(await shut.json()).toMatchObject({ type: "urn:outrigger:problem:too-many-attempts" });
  expect((await fetch(`${admin.url}${STATUS}`)).status).toBe(401);
  clock.advance(6_000);
  expect((await withToken(admin, OPERATOR)).status).toBe(200);
  expect((await withToken(admin, "guess")).status).toBe(401);
  expect((await withToken(admin, OPERATOR)).status).toBe(429);
});

test("failed attempts are in the audit log, up to a bound, and without the token", async () => {
  const clock = createManualClock();
  const admin = await startAdmin({ clock });
  for (let i = 0; i < 10; i++) await withToken(admin, `secret-guess-${i}`, `${STATUS}?i=${i}`);
  expect(admin.audit).toHaveLength(10);
  expect(admin.audit[0]).toEqual({
    at: clock.wall(),
    by: "unknown",
    action: "auth.failed",
    target: "127.0.0.1",
    detail: `GET ${STATUS}`,
  });
  expect(admin.audit.at(-1)?.action).toBe("auth.blocked");
  for (let i = 0; i < 50; i++) await withToken(admin, "again");
  expect(admin.audit).toHaveLength(10);
  expect(JSON.stringify(admin.audit)).not.toContain("guess");
});

test("only names of this listener are answered, at any port: others could be rebound to it", async () => {
  const admin = await startAdmin();
  const own = ["localhost", "LOCALHOST:1", "127.0.0.1", "127.8.9.1:9090", "[::1]:80", "outrigger.internal:443"];
  for (const host of own) expect((await send(admin.url, STATUS, { Host: host })).status, host).toBe(200);
  const others = [
    "evil.example",
    "127.0.0.1.evil.example:9090",
    "localhost.evil.example",
    "10.0.0.1",
    "localhost@x",
    "::1",
  ];
  for (const host of others) expect((await send(admin.url, STATUS, { Host: host })).status, host).not.toBe(200);
  expect(await send(admin.url, STATUS, { Host: "evil.example" })).toMatchObject({
    status: 421,
    body: { type: "urn:outrigger:problem:wrong-host" },
    headers: { "content-type": "application/problem+json" },
  });
  expect(await sendRaw(admin.url, `GET ${STATUS} HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n`)).toMatch(
    /^HTTP\/1\.1 4\d\d /,
  );
});

test("the page of another origin is refused, whatever it asks", async () => {
  const admin = await startAdmin();
  for (const origin of [
    "https://evil.example",
    "null",
    "http://localhost.evil.example",
    "file://",
    "http://a@localhost",
  ])
    expect(await send(admin.url, STATUS, { Origin: origin }), origin).toMatchObject({
      status: 403,
      body: { type: "urn:outrigger:problem:wrong-origin" },
    });
  for (const origin of ["http://localhost:5173", "http://127.0.0.1:9090", "https://outrigger.internal"])
    expect((await send(admin.url, STATUS, { Origin: origin })).status, origin).toBe(200);
  const preflight = await fetch(`${admin.url}/api/v1/admin/manifest/reload`, {
    method: "OPTIONS",
    headers: { Origin: "http://localhost:5173", "Access-Control-Request-Method": "POST" },
  });
  expect(preflight.ok).toBe(false);
  expect([...preflight.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
});

test("every answer forbids scripts, frames, sniffing and caching", async () => {
  const admin = await startAdmin();
  for (const path of ["/livez", STATUS, "/nothing", "/api/v1/admin/nothing", "/metrics"]) {
    const { headers } = await admin.ask(path);
    expect(headers.get("content-security-policy"), path).toContain("default-src 'none'");
    expect(headers.get("x-content-type-options"), path).toBe("nosniff");
    expect(headers.get("x-frame-options"), path).toBe("DENY");
    expect(headers.get("cache-control"), path).toBe("no-store");
    expect(headers.get("referrer-policy"), path).toBe("no-referrer");
  }
});

test("every error is problem+json: what is not there, a wrong method, a broken body, too large a one", async () => {
  const admin = await startAdmin();
  expect(await api(admin, "/nothing")).toMatchObject({ status: 404, body: { status: 404, title: "Nothing here" } });
  const wrongMethod = await api(admin, "/status", undefined, "DELETE");
  expect(wrongMethod).toMatchObject({ status: 405, body: { type: "urn:outrigger:problem:method-not-allowed" } });
  expect(wrongMethod.headers.get("allow")).toBe("GET, HEAD");
  expect((await api(admin, "/circuit-breaker/quiz/winner/reset")).headers.get("allow")).toBe("POST");
  expect((await admin.ask("/livez", { method: "POST" })).status).toBe(405);

  const validate = "/api/v1/admin/manifest/validate";
  const json = { "Content-Type": "application/json" };
  const broken = await admin.ask(validate, { method: "POST", headers: json, body: "{" });
  expect(broken.status).toBe(400);
  expect(broken.headers.get("content-type")).toBe("application/problem+json");
  const form = await admin.ask(validate, { method: "POST", body: new URLSearchParams({ text: "x" }) });
  expect(form.status).toBe(415);
  expect(await api(admin, "/manifest/validate", { text: 1, more: 2 })).toMatchObject({
    status: 400,
    body: { issues: [{ path: "body.text" }, { path: "body" }] },
  });
  expect(await api(admin, "/routes?limit=1001&app=%2e%2e/x")).toMatchObject({
    status: 400,
    body: { issues: [{ path: "query.limit" }, { path: "query.app" }] },
  });

  const large = JSON.stringify({ text: "x".repeat(5_000_000) });
  expect((await admin.ask(validate, { method: "POST", headers: json, body: large })).status).toBe(413);
  const chunked = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(large));
      controller.close();
    },
  });
  const streamed = await admin.ask(validate, {
    method: "POST",
    headers: json,
    body: chunked,
    duplex: "half",
  } as RequestInit);
  expect(streamed.status).toBe(413);
  expect(await streamed.json()).toMatchObject({ type: "urn:outrigger:problem:body-too-large" });
});

test("what is no HTTP is answered with problem+json too, and the connection ends", async () => {
  const admin = await startAdmin();
  expect(await sendRaw(admin.url, "nonsense\r\n\r\n")).toMatch(/^HTTP\/1\.1 400 .*application\/problem\+json/s);
  expect(
    await sendRaw(admin.url, `GET /livez HTTP/1.1\r\nHost: localhost\r\nX: ${"x".repeat(20_000)}\r\n\r\n`),
  ).toMatch(/^HTTP\/1\.1 431 /);
  expect(await sendRaw(admin.url, "GET /a\\b HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n")).toMatch(
    /^HTTP\/1\.1 400 .*application\/problem\+json/s,
  );
});

test("a bug in a handler is a 500 that tells nothing, and is reported", async () => {
  const admin = await startAdmin({
    status: () => {
      throw new Error("secret detail");
    },
  });
  const answer = await api(admin, "/status");
  expect(answer).toMatchObject({ status: 500, body: { type: "urn:outrigger:problem:internal" } });
  expect(JSON.stringify(answer.body)).not.toContain("secret");
  expect(admin.errors).toEqual([new Error("secret detail")]);
});

test("the listener may be a unix socket, with the same rules", async () => {
  const folder = mkdtempSync(join(tmpdir(), "outrigger-admin-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "admin.sock");
  await startAdmin({}, {}, { kind: "unix", path });
  const ask = async (host: string): Promise<number> => {
    const req = request({
      socketPath: path,
      path: STATUS,
      headers: { Host: host, Authorization: `Bearer ${OPERATOR}` },
    });
    req.end();
    const [res] = await once(req, "response");
    res.resume();
    return res.statusCode;
  };
  expect(await ask("localhost")).toBe(200);
  expect(await ask("evil.example")).toBe(421);
});

test("closing twice is safe, and nobody is answered after it", async () => {
  const admin = await startAdmin();
  expect((await withToken(admin, OPERATOR)).status).toBe(200);
  await Promise.all([admin.close(), admin.close()]);
  await expect(withToken(admin, OPERATOR)).rejects.toThrow();
});
