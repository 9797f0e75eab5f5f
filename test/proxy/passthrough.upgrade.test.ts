import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { createManualClock } from "../help/manual-clock.ts";
import { type PassthroughHost, startPassthrough } from "../help/passthrough.ts";
import { rawExchange, recordingUpstream, statusOf, values } from "../help/raw.ts";

const cleanUp: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean();
});

type Options = Parameters<typeof startPassthrough>[1];

async function hostFor(port: number, options: Options = {}): Promise<PassthroughHost> {
  const host = await startPassthrough(port, options);
  cleanUp.push(host.stop);
  return host;
}

/** An app that speaks WebSocket and sends back what it hears; `path` /no is refused with 403. */
async function startApp(options: Options = {}) {
  const server: Server = createServer((_req, res) => res.end("plain"));
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => [...offered].at(-1) ?? false });
  const requests: IncomingMessage[] = [];
  const tcp = new Set<Socket>();
  server.on("connection", (socket) => tcp.add(socket));
  server.on("upgrade", (req, socket, head) => {
    requests.push(req);
    if (req.url?.startsWith("/no")) {
      socket.end("HTTP/1.1 403 Forbidden\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 4\r\n\r\nno!\n");
    } else sockets.handleUpgrade(req, socket, head, (ws) => sockets.emit("connection", ws, req));
  });
  sockets.on("connection", (ws) => ws.on("message", (data, binary) => ws.send(data, { binary })));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanUp.push(() => {
    for (const socket of tcp) socket.destroy();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
  const host = await hostFor((server.address() as AddressInfo).port, options);
  return { host, sockets, requests, tcp, url: `ws://127.0.0.1:${host.port}` };
}

async function open(url: string, protocols: string[] = []): Promise<WebSocket> {
  const ws = new WebSocket(url, protocols);
  cleanUp.push(() => ws.terminate());
  await once(ws, "open");
  return ws;
}

const HANDSHAKE =
  "Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

const switches = (version: string): string =>
  `HTTP/${version} 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
/** Without the field, Node's parser would take nothing more of such a connection. */
const HINTS = "HTTP/2.0 103 Early Hints\r\nConnection: keep-alive\r\n\r\n";
const NO = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno";

test("text and binary messages pass both ways, as they are", async () => {
  const { url, sockets, requests } = await startApp();
  const greeted = once(sockets, "connection");
  const ws = await open(`${url}/chat?room=%2F42`, ["a", "b"]);
  await greeted;
  expect(ws.protocol).toBe("b");
  expect(requests[0]?.url).toBe("/chat?room=%2F42");
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  ws.send("grüße");
  expect((await once(ws, "message")).map(String)).toEqual(["grüße", "false"]);
  ws.send(bytes);
  const [data, binary] = (await once(ws, "message")) as [Buffer, boolean];
  expect(binary).toBe(true);
  expect(Buffer.compare(data, bytes)).toBe(0);
  const big = Buffer.alloc(2_000_000, 7);
  ws.send(big);
  expect(Buffer.compare(((await once(ws, "message")) as [Buffer])[0], big)).toBe(0);
});

test("the app sees hop-by-hop fields of ours only, and its own Host", async () => {
  const { host, requests } = await startApp();
  const me = connect(host.port, "127.0.0.1");
  cleanUp.push(() => me.destroy());
  me.write(`GET /chat HTTP/1.1\r\n${HANDSHAKE}Connection: X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\nX-End: 1\r\n\r\n`);
  await once(me, "data");
  const { headers } = requests[0] as IncomingMessage;
  expect(headers).toMatchObject({ connection: "Upgrade", upgrade: "websocket", "x-end": "1" });
  expect(headers["x-hop"] ?? headers.te).toBeUndefined();
  expect(headers.host).not.toBe("a");
});

test("the answer to the handshake carries our fields, and what the app said early", async () => {
  const { host, sockets } = await startApp();
  sockets.on("connection", (ws) => ws.send("hello"));
  const ws = new WebSocket(`ws://127.0.0.1:${host.port}/chat`);
  cleanUp.push(() => ws.terminate());
  const hello = once(ws, "message");
  const [answer] = (await once(ws, "upgrade")) as [IncomingMessage];
  expect(answer.statusCode).toBe(101);
  expect(answer.headers).toMatchObject({ "x-request-id": "r-1", "outrigger-outcome": "ok" });
  expect(String((await hello)[0])).toBe("hello");
});

test("close codes pass in both directions, and the relay has then ended well", async () => {
  const { host, url, sockets } = await startApp();
  const closed = new Promise<[number, Buffer]>((resolve) => {
    sockets.once("connection", (ws) => ws.once("close", (code, reason) => resolve([code, reason])));
  });
  const leaving = await open(`${url}/chat`);
  leaving.close(4001, "bye");
  expect((await closed).map(String)).toEqual(["4001", "bye"]);
  expect((await host.ended(1))[0]).toEqual({ status: 101, fault: null, headSent: true });

  sockets.once("connection", (ws) => ws.close(4002, "go"));
  const told = await open(`${url}/chat`);
  expect((await once(told, "close")).map(String)).toEqual(["4002", "go"]);
  expect((await host.ended(2))[1]).toEqual({ status: 101, fault: null, headSent: true });
});

test("an app that says no is heard with its own status, headers and body", async () => {
  const { host } = await startApp();
  const reply = await rawExchange(host.port, `GET /no HTTP/1.1\r\n${HANDSHAKE}\r\n`);
  expect(reply.messages.map(statusOf)).toEqual([403]);
  const [message] = reply.messages;
  expect(message?.body.toString()).toBe("no!\n");
  expect(message && values(message, "set-cookie")).toEqual(["a=1", "b=2"]);
  expect(message && values(message, "outrigger-outcome")).toEqual(["declined"]);
  expect(message && values(message, "connection")).toEqual(["close"]);
  expect((await host.ended(1))[0]).toEqual({ status: 403, fault: null, headSent: true });
});

test("an app that speaks no WebSocket answers like any web server", async () => {
  const upstream = await recordingUpstream(() => ({ bytes: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain" }));
  cleanUp.push(upstream.stop);
  const host = await hostFor(upstream.port);
  const reply = await rawExchange(host.port, `GET /x HTTP/1.1\r\n${HANDSHAKE}\r\n`);
  expect(reply.messages.map((m) => m.body.toString())).toEqual(["plain"]);
});

test.each([
  ["a refused connection", null, 502, "connect"],
  ["no answer", { bytes: "", end: "close" }, 502, "reset"],
  [
    "another protocol",
    { bytes: "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" },
    502,
    "invalid_response",
  ],
  ["a 101 of HTTP/2.0", { bytes: switches("2.0") }, 502, "invalid_response"],
  ["a 101 of HTTP/1.0", { bytes: switches("1.0") }, 502, "invalid_response"],
  ["a 101 of HTTP/0.9", { bytes: switches("0.9") }, 502, "invalid_response"],
  ["103 of HTTP/2.0, then 101", { bytes: `${HINTS}${switches("1.1")}` }, 502, "invalid_response"],
  ["103 of HTTP/2.0, then no", { bytes: `${HINTS}${NO}` }, 502, "invalid_response"],
  ["103 of HTTP/2.0 alone", { bytes: HINTS }, 502, "invalid_response"],
  ["bytes that are no HTTP", { bytes: "hello\r\n\r\n" }, 502, "invalid_response"],
] as const)("a handshake that ends in %s is answered with a real status", async (_name, answer, status, reason) => {
  const upstream = await recordingUpstream(() => answer);
  if (answer === null) await upstream.stop();
  else cleanUp.push(upstream.stop);
  const host = await hostFor(upstream.port);
  const reply = await rawExchange(host.port, `GET /x HTTP/1.1\r\n${HANDSHAKE}\r\n`);
  expect(reply.messages.map(statusOf)).toEqual([status]);
  expect(reply.closed).toBe(true);
  expect((await host.ended(1))[0]).toMatchObject({ status: 0, headSent: false, fault: { reason } });
  expect(upstream.requests().length).toBeLessThanOrEqual(1);
});

test("a refusal that is cut short breaks the caller's connection", async () => {
  const upstream = await recordingUpstream(() => ({
    bytes: "HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nno",
    end: "close",
  }));
  cleanUp.push(upstream.stop);
  const host = await hostFor(upstream.port);
  const reply = await rawExchange(host.port, `GET /x HTTP/1.1\r\n${HANDSHAKE}\r\n`);
  expect(reply.messages).toEqual([]);
  expect(reply.bytes.toString()).toContain("403");
  expect((await host.ended(1))[0]).toMatchObject({ status: 403, fault: { reason: "reset", aborted: false } });
});

test("an app that dies takes the caller's connection along", async () => {
  const { host, url, tcp } = await startApp();
  const ws = await open(`${url}/chat`);
  for (const socket of tcp) socket.resetAndDestroy();
  const [code] = (await once(ws, "close")) as [number];
  expect(code).toBe(1006);
  expect((await host.ended(1))[0]).toMatchObject({ status: 101, fault: { reason: "reset", aborted: false } });
});

test("a caller that dies takes the app's connection along", async () => {
  const { host, url, sockets } = await startApp();
  const gone = new Promise<number>((resolve) => {
    sockets.once("connection", (ws) => ws.once("close", resolve));
  });
  const ws = await open(`${url}/chat`);
  (ws as unknown as { _socket: Socket })._socket.resetAndDestroy();
  expect(await gone).toBe(1006);
  expect((await host.ended(1))[0]).toMatchObject({ status: 101, fault: { aborted: true } });
});

test("a caller that leaves before the app has answered takes the handshake along", async () => {
  const upstream = await recordingUpstream(() => null);
  cleanUp.push(upstream.stop);
  const host = await hostFor(upstream.port);
  const me = connect(host.port, "127.0.0.1");
  me.write(`GET /x HTTP/1.1\r\n${HANDSHAKE}\r\n`);
  await upstream.received(1);
  me.destroy();
  expect((await host.ended(1))[0]).toMatchObject({ status: 0, fault: { aborted: true } });
  await upstream.idle();
});

test("bytes sent before the app said yes reach it after the handshake, in order", async () => {
  let app: Socket | undefined;
  const heard: string[] = [];
  const server = createTcpServer((socket) => {
    app = socket;
    socket.on("data", (chunk) => heard.push(chunk.toString("latin1")));
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanUp.push(() => server.close());
  const host = await hostFor((server.address() as AddressInfo).port);
  const me = connect(host.port, "127.0.0.1");
  cleanUp.push(() => me.destroy());
  me.write(`GET /x HTTP/1.1\r\n${HANDSHAKE}\r\nfirst`);
  while (heard.length === 0) await new Promise((resolve) => setImmediate(resolve));
  me.write("second");
  expect(heard.join("")).not.toContain("first");
  app?.write("HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nready");
  const [chunk] = (await once(me, "data")) as [Buffer];
  expect(chunk.toString()).toContain("101 Switching Protocols");
  me.write("third");
  while (!heard.join("").endsWith("third")) await new Promise((resolve) => setImmediate(resolve));
  expect(heard.join("").split("\r\n\r\n")[1]).toBe("firstsecondthird");
});

test("silence ends a WebSocket, talk keeps it, and none outlives the total", async () => {
  const clock = createManualClock();
  const { host, url } = await startApp({ clock, idleMs: 30_000, totalMs: 100_000 });
  const silent = await open(`${url}/chat`);
  clock.advance(30_000);
  expect((await host.ended(1))[0]?.fault).toMatchObject({ reason: "timeout", detail: "nothing was said for 30000 ms" });
  await once(silent, "close");

  const talking = await open(`${url}/chat`);
  for (let i = 0; i < 4; i++) {
    clock.advance(20_000);
    talking.send("x");
    await once(talking, "message");
  }
  expect(host.results).toHaveLength(1);
  clock.advance(20_000);
  expect((await host.ended(2))[1]?.fault).toMatchObject({ detail: "the longest time of a WebSocket is over" });
  await once(talking, "close");
  expect(clock.pending()).toBe(0);
});

test("an app that does not answer the handshake in time is a timeout, with a real status", async () => {
  const clock = createManualClock();
  const upstream = await recordingUpstream(() => null);
  cleanUp.push(upstream.stop);
  const host = await hostFor(upstream.port, { clock, timeoutMs: 2_000 });
  const reply = rawExchange(host.port, `GET /x HTTP/1.1\r\n${HANDSHAKE}\r\n`);
  await upstream.received(1);
  clock.advance(2_000);
  expect((await reply).messages.map(statusOf)).toEqual([504]);
  expect(host.results[0]?.fault).toMatchObject({ reason: "timeout", proxyError: "http_response_timeout" });
  await upstream.idle();
});

test("closing ends open WebSockets", async () => {
  const { host, url } = await startApp();
  const ws = await open(`${url}/chat`);
  host.close();
  await once(ws, "close");
  expect((await host.ended(1))[0]?.fault).toMatchObject({ aborted: true, detail: "Outrigger is stopping" });
});
