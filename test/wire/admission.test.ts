import { expect, test } from "vitest";
import { rawExchange, statusOf, values } from "../help/raw.ts";
import { startSidecar } from "../help/sidecar.ts";
import { caller, head, MODES, startWire, until } from "./wire.ts";

/** What is decided before a body is read: whose the request is, and whether there is room. */

const taken = (mode: string): number => (mode === "async" ? 202 : 200);

test.each(MODES)("%s: 100 comes after admission, and the app hears of no expectation", async (mode) => {
  const { upstream, port } = await startWire();
  const me = caller(port, head("POST", `/${mode}/x`, "Expect: 100-continue", "Content-Length: 2"));
  expect(await me.until("\r\n\r\n")).toBe("HTTP/1.1 100 Continue\r\n\r\n");
  me.socket.write("hi");
  expect(await me.until(`HTTP/1.1 ${taken(mode)} `)).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 20\d /);
  await upstream.received(1);
  const [request] = upstream.requests();
  expect(request?.body.toString()).toBe("hi");
  expect(request && values(request, "expect")).toEqual([]);
});

test.each([
  ["no route", head("POST", "/nowhere", "Expect: 100-continue", "Content-Length: 2"), 404],
  ["a body that is too large", head("POST", "/sync/x", "Expect: 100-continue", "Content-Length: 9999999"), 413],
  ["a bad head", head("POST", "/sync/../x", "Expect: 100-continue", "Content-Length: 2"), 400],
])("%s: no 100, but the refusal at once", async (_what, bytes, status) => {
  const { upstream, port } = await startWire();
  const reply = await rawExchange(port, bytes, { responses: 1 });
  expect(reply.messages.map(statusOf)).toEqual([status]);
  expect(upstream.saw().length).toBe(0);
});

test.each(MODES)(
  "%s: with limits.in_flight reached, 503 with Retry-After at once, and the app hears nothing",
  async (mode) => {
    const { upstream, port, sidecar } = await startWire({ answer: () => null, root: "limits: { in_flight: 2 }" });
    caller(port, head("GET", "/sync/held"));
    caller(port, head("GET", "/sync/held"));
    await upstream.received(2);
    upstream.forget();
    const reply = await rawExchange(port, head("POST", `/${mode}/x`, "Content-Length: 0"), { responses: 1 });
    expect(reply.messages.map(statusOf)).toEqual([503]);
    expect(values(reply.messages[0]!, "retry-after")).toEqual(["1"]);
    expect(upstream.saw().length).toBe(0);
    expect(sidecar.app.inFlight()).toBe(2);
  },
);

test("with limits.connections reached, 503 with Retry-After before a byte is read", async () => {
  const { upstream, port, sidecar } = await startWire({ root: "limits: { connections: 2 }" });
  caller(port, "GET /sync/x HTTP/1.1\r\n");
  caller(port);
  await until(() => sidecar.app.connections() === 2);
  const reply = await rawExchange(port, head("GET", "/sync/x"));
  expect(reply.messages.map(statusOf)).toEqual([503]);
  expect(values(reply.messages[0]!, "retry-after")).toEqual(["1"]);
  expect(reply.closed).toBe(true);
  expect(upstream.saw().length).toBe(0);
});

test.each(MODES)("%s: a target in absolute form is for the host that the route names, or refused", async (mode) => {
  const named = await startWire();
  const host = `{ mode: ${mode}, path: /named, match: { host: wire.example, path: "/named/*" } }`;
  const sidecar = await startSidecar(
    `apps: { wire: { owner: dev@wire.example, url: "${named.upstream.url}", webhooks: { one: ${host} } } }\n`,
  );
  try {
    const ask = async (target: string, fields = "Host: wire.example\r\n"): Promise<number[]> => {
      const reply = await rawExchange(sidecar.port, `GET ${target} HTTP/1.1\r\n${fields}\r\n`, { responses: 1 });
      return reply.messages.map(statusOf);
    };
    expect(await ask("http://wire.example/named/a%2Fb?x=//y")).toEqual([taken(mode)]);
    await named.upstream.received(1);
    expect(named.upstream.requests().map(({ line }) => line)).toEqual(["GET /named/a%2Fb?x=//y HTTP/1.1"]);
    named.upstream.forget();
    expect(await ask("http://evil.example/named/x")).toEqual([400]);
    expect(await ask("http://wire.example/named/x", "Host: evil.example\r\n")).toEqual([400]);
    expect(await ask("http://wire.example:81/named/x")).toEqual([400]);
    expect(await ask("//wire.example/named/x")).toEqual([404]);
    expect(named.upstream.saw().length).toBe(0);
  } finally {
    await sidecar.stop();
  }
});

test.each(MODES)("%s: the app sees its own authority as Host, or the caller's where it asks for that", async (mode) => {
  for (const preserved of [false, true]) {
    const { upstream, port } = await startWire({ app: `preserve_host: ${preserved}` });
    await rawExchange(port, head("GET", `/${mode}//evil.example/x`), { responses: 1 });
    await upstream.received(1);
    const [request] = upstream.requests();
    expect(request?.line).toBe(`GET /${mode}//evil.example/x HTTP/1.1`);
    expect(request && values(request, "host")).toEqual([preserved ? "wire.example" : `127.0.0.1:${upstream.port}`]);
  }
});

test("nothing of the admin listener is reached through the proxy's port", async () => {
  const { upstream, port, sidecar } = await startWire();
  const admin = new URL(sidecar.adminUrl).host;
  for (const target of ["/metrics", "/livez", "/api/v1/admin/status", `http://${admin}/livez`, "/.outrigger/status"]) {
    const reply = await rawExchange(port, `GET ${target} HTTP/1.1\r\nHost: ${admin}\r\n\r\n`, { responses: 1 });
    expect([400, 404]).toContain(statusOf(reply.messages[0]));
  }
  expect(upstream.saw().length).toBe(0);
});

test.each(["\\r\\nX-Evil: 1", "\\n", "\\0"])(
  "a manifest with a header value that holds %j is refused",
  async (text) => {
    const yaml = `apps: { a: { owner: a@b.example, url: "http://127.0.0.1:1", webhooks: { w: { path: /w, headers: { set: { X-A: "a${text}" } } } } } }\n`;
    await expect(startSidecar(yaml)).rejects.toThrow(/X-A/);
  },
);
