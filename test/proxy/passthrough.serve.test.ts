import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { rawExchange, recordingUpstream, statusOf, values } from "../help/raw.ts";
import { type Sidecar, startSidecar } from "../help/sidecar.ts";

/** A passthrough route in the whole proxy: breaker, events, headers, stopping. */

const cleanUp: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean();
});

async function sidecarFor(port: number, more = ""): Promise<Sidecar> {
  const sidecar = await startSidecar(`
apps:
  live:
    owner: dev@live.example
    url: "http://127.0.0.1:${port}/base"
    webhooks:
      all: { mode: passthrough, path: /live, match: { path: "/live/*" }, timeout: 1000${more} }
      plain: { path: /plain }
`);
  cleanUp.push(() => sidecar.stop());
  return sidecar;
}

async function startEcho(): Promise<{ port: number; requests: IncomingMessage[]; sockets: WebSocketServer }> {
  const server = createServer((_req, res) => res.end("plain"));
  const sockets = new WebSocketServer({ noServer: true });
  const requests: IncomingMessage[] = [];
  const tcp = new Set<Socket>();
  server.on("connection", (socket) => tcp.add(socket));
  server.on("upgrade", (req, socket, head) => {
    requests.push(req);
    sockets.handleUpgrade(req, socket, head, (ws) => {
      ws.on("message", (data, binary) => ws.send(data, { binary }));
      sockets.emit("connection", ws);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanUp.push(() => {
    for (const socket of tcp) socket.destroy();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return { port: (server.address() as AddressInfo).port, requests, sockets };
}

async function open(sidecar: Sidecar, path: string): Promise<{ ws: WebSocket; answer: IncomingMessage }> {
  const ws = new WebSocket(`ws://127.0.0.1:${sidecar.port}${path}`);
  cleanUp.push(() => ws.terminate());
  const [[answer]] = await Promise.all([once(ws, "upgrade"), once(ws, "open")]);
  return { ws, answer: answer as IncomingMessage };
}

test("WebSockets are successes, one after the other, with our headers on both sides", async () => {
  const echo = await startEcho();
  const sidecar = await sidecarFor(echo.port, ", breaker: { failures: 2 }");
  for (let i = 0; i < 4; i++) {
    const { ws, answer } = await open(sidecar, "/live/chat?room=42");
    expect(answer.headers["outrigger-outcome"]).toBe("ok");
    expect(answer.headers["x-request-id"]).toBe(echo.requests[i]?.headers["x-request-id"]);
    ws.send("hello");
    expect(String(((await once(ws, "message")) as [Buffer])[0])).toBe("hello");
    ws.close();
    await once(ws, "close");
  }
  const { headers, url } = echo.requests[0] as IncomingMessage;
  expect(url).toBe("/base/live/chat?room=42");
  expect(headers).toMatchObject({ "x-forwarded-for": "127.0.0.1", via: "1.1 outrigger", "x-max-attempts": "1" });
  const done = await sidecar.event("request.completed");
  expect(done).toMatchObject({ outcome: "ok", status: 101, route: { mode: "passthrough" } });
  expect(sidecar.events.filter((e) => e.type === "breaker.opened")).toEqual([]);
});

test("an upgrade on a route that is no passthrough is an ordinary request", async () => {
  const upstream = await recordingUpstream();
  cleanUp.push(upstream.stop);
  const sidecar = await sidecarFor(upstream.port);
  const asked = [
    "GET /live/plain HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "GET /live/x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    "POST /live/x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n",
  ];
  for (const bytes of asked) {
    const { messages } = await rawExchange(sidecar.port, bytes, { responses: 1 });
    expect(messages.map(statusOf)).toEqual([200]);
  }
  expect(upstream.requests()).toHaveLength(3);
  for (const request of upstream.requests()) expect(values(request, "upgrade")).toEqual([]);
});

test("an app that fails opens the breaker; then callers are refused at once, WebSockets with a real status too", async () => {
  const upstream = await recordingUpstream(() => ({ bytes: "HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops" }));
  cleanUp.push(upstream.stop);
  const sidecar = await sidecarFor(upstream.port, ", breaker: { failures: 3 }");
  const get = "GET /live/x HTTP/1.1\r\nHost: a\r\n";
  for (let i = 0; i < 3; i++) {
    const { messages } = await rawExchange(sidecar.port, `${get}\r\n`, { responses: 1 });
    expect(messages.map((m) => [statusOf(m), m.body.toString(), values(m, "outrigger-outcome")])).toEqual([
      [500, "oops", ["failed;reason=status"]],
    ]);
  }
  await sidecar.event("breaker.opened");
  const plain = await rawExchange(sidecar.port, `${get}\r\n`, { responses: 1 });
  expect(plain.messages.map(statusOf)).toEqual([503]);
  const upgrade = await rawExchange(
    sidecar.port,
    `${get}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAA\r\n\r\n`,
  );
  expect(upgrade.messages.map(statusOf)).toEqual([503]);
  expect(upgrade.closed).toBe(true);
  expect(upstream.requests()).toHaveLength(3);
});

test("100-continue comes only after admission: beyond the rate limit the caller keeps its body", async () => {
  const upstream = await recordingUpstream();
  cleanUp.push(upstream.stop);
  const sidecar = await startSidecar(`
apps:
  live:
    owner: dev@live.example
    url: "http://127.0.0.1:${upstream.port}"
    rate_limit: { rps: 1, burst: 1 }
    webhooks: { all: { mode: passthrough, path: /live, match: { path: "/live/*" } } }
`);
  cleanUp.push(() => sidecar.stop());
  const bytes = "POST /live/x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi";
  const first = await rawExchange(sidecar.port, bytes, { responses: 1 });
  expect(first.messages.map(statusOf)).toEqual([100, 200]);
  const second = await rawExchange(sidecar.port, bytes, { responses: 1 });
  expect(second.messages.map(statusOf)).toEqual([429]);
  expect(upstream.requests()).toHaveLength(1);
});

test("a caller that leaves is neither success nor failure", async () => {
  const upstream = await recordingUpstream(() => null);
  cleanUp.push(upstream.stop);
  const sidecar = await sidecarFor(upstream.port);
  const me = connect(sidecar.port, "127.0.0.1");
  me.write("GET /live/x HTTP/1.1\r\nHost: a\r\n\r\n");
  await upstream.received(1);
  me.destroy();
  expect(await sidecar.event("request.completed")).toMatchObject({ outcome: "aborted", status: 0 });
  await upstream.idle();
});

test("an app that is silent is a timeout with problem+json", async () => {
  const upstream = await recordingUpstream(() => null);
  cleanUp.push(upstream.stop);
  const sidecar = await sidecarFor(upstream.port);
  const reply = await rawExchange(sidecar.port, "GET /live/x HTTP/1.1\r\nHost: a\r\n\r\n", { responses: 1 });
  expect(reply.messages.map(statusOf)).toEqual([504]);
  expect(reply.messages.flatMap((m) => values(m, "outrigger-outcome"))).toEqual(["failed;reason=timeout"]);
});

test("stopping ends WebSockets that nobody ends", async () => {
  const echo = await startEcho();
  const sidecar = await startSidecar(`
limits: { drain: 200ms }
apps:
  live:
    owner: dev@live.example
    url: "http://127.0.0.1:${echo.port}"
    webhooks: { all: { mode: passthrough, path: /live, match: { path: "/live/*" } } }
`);
  const { ws } = await open(sidecar, "/live/chat");
  const closed = once(ws, "close");
  await sidecar.stop();
  await closed;
});
