import { expect, test } from "vitest";
import { rawExchange, statusOf, values } from "../help/raw.ts";
import { caller, head, startWire } from "./wire.ts";

/** Who may switch protocols, and who may not. */

const HANDSHAKE = [
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];
const SWITCHES = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

test.each(["sync", "async"])("%s: a handshake is an ordinary request, and no Upgrade reaches the app", async (mode) => {
  const { upstream, port } = await startWire();
  const reply = await rawExchange(port, head("GET", `/${mode}/x`, ...HANDSHAKE), { responses: 1 });
  expect(reply.messages.map(statusOf)).toEqual([mode === "async" ? 202 : 200]);
  await upstream.received(1);
  const [request] = upstream.requests();
  expect(request && values(request, "upgrade")).toEqual([]);
});

test("sync: an app that switches all the same has failed, and its connection is gone", async () => {
  const { upstream, port } = await startWire({ answer: () => ({ bytes: SWITCHES }) });
  const reply = await rawExchange(port, head("GET", "/sync/x", ...HANDSHAKE), { responses: 1 });
  expect(reply.messages.map(statusOf)).toEqual([502]);
  await upstream.idle();
});

test("passthrough: a handshake goes to the app, and bytes then pass both ways", async () => {
  const { upstream, port } = await startWire({
    answer: (_request, socket) => {
      socket.removeAllListeners("data").on("data", (chunk: Buffer) => socket.write(chunk));
      return { bytes: SWITCHES };
    },
  });
  const me = caller(port, head("GET", "/passthrough/x", ...HANDSHAKE));
  expect(await me.until("\r\n\r\n")).toMatch(/^HTTP\/1\.1 101 /);
  me.socket.write(Buffer.from("\x81\x05\0\xff", "latin1"));
  expect(await me.until("\x81\x05\0\xff")).toMatch(/\r\n\r\n\x81\x05\0\xff$/);
  expect(upstream.requests().map((request) => values(request, "upgrade"))).toEqual([["websocket"]]);
  me.socket.destroy();
  await upstream.idle();
});

test("passthrough: an app that says no is heard with a real status, once, and nothing is tried again", async () => {
  const no = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno";
  const { upstream, port } = await startWire({ answer: () => ({ bytes: no }) });
  const reply = await rawExchange(port, head("GET", "/passthrough/x", ...HANDSHAKE));
  expect(reply.messages.map(statusOf)).toEqual([503]);
  expect(reply.closed).toBe(true);
  expect(upstream.requests()).toHaveLength(1);
});

test("passthrough: an app that is away is a real status, too", async () => {
  const { upstream, port } = await startWire();
  await upstream.stop();
  const reply = await rawExchange(port, head("GET", "/passthrough/x", ...HANDSHAKE));
  expect(reply.messages.map(statusOf)).toEqual([502]);
});

test.each([
  ["POST", HANDSHAKE, ""],
  ["GET", ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"], ""],
  ["GET", ["Connection: Upgrade", "Upgrade: websocket, h2c"], ""],
  ["GET", ["Connection: Upgrade", "Upgrade: TLS/1.0"], ""],
  ["GET", [...HANDSHAKE, "Content-Length: 2"], "hi"],
  ["GET", [...HANDSHAKE, "Transfer-Encoding: chunked"], "2\r\nhi\r\n0\r\n\r\n"],
])("passthrough: %s with %j is an ordinary request with its body", async (method, fields, body) => {
  const { upstream, port } = await startWire();
  const reply = await rawExchange(port, head(method, "/passthrough/x", ...fields) + body, { responses: 1 });
  expect(reply.messages.map(statusOf)).toEqual([200]);
  const [request] = upstream.requests();
  expect(request?.body.toString()).toBe(body === "" ? "" : "hi");
  expect(request && values(request, "upgrade")).toEqual([]);
});

test("passthrough: a handshake in HTTP/1.0 is an ordinary request: RFC 9110 section 7.8", async () => {
  const { upstream, port } = await startWire();
  const handshake = head("GET", "/passthrough/x", ...HANDSHAKE).replace("HTTP/1.1", "HTTP/1.0");
  const reply = await rawExchange(port, handshake);
  expect(reply.messages.map(statusOf)).toEqual([200]);
  const [request] = upstream.requests();
  expect(request && values(request, "upgrade")).toEqual([]);
});
