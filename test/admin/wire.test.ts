import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { strictWire } from "../../src/proxy/wire.strict.ts";
import { OPERATOR, startAdmin } from "../help/admin.ts";
import { rawExchange, statusOf, values } from "../help/raw.ts";
import { REQUEST_VECTORS } from "../wire/vectors.ts";
import { caller, until } from "../wire/wire.ts";

/** The bytes that the proxy's listener refuses, sent to the admin's. */

const HOST = "Host: wire.example\r\n";
const PATH = "/api/v1/admin/status";
const LIVE = `GET /livez HTTP/1.1\r\n${HOST}\r\n`;
const API = `${HOST}Authorization: Bearer ${OPERATOR}\r\n`;

async function start(given: Parameters<typeof startAdmin>[0] = {}) {
  const admin = await startAdmin({ allowedHosts: () => ["wire.example"], ...given });
  return { ...admin, port: Number(new URL(admin.url).port) };
}

const refused = REQUEST_VECTORS.flatMap((vector) =>
  // A probe may speak HTTP/1.0 and name no host.
  "refused" in vector && vector.name !== "no Host in HTTP/1.0" ? [vector] : [],
);

test.each(refused.map((vector) => [vector.name, vector] as const))("refuses %s", async (_name, vector) => {
  const admin = await start();
  // A broken body is only seen where a body is read: behind the token.
  const bytes = vector.bytes
    .replace("/wire/x", vector.inBody ? PATH : "/livez")
    .replace(HOST, vector.inBody ? API : HOST);
  const reply = await rawExchange(admin.port, bytes + LIVE);
  expect(reply.messages.map(statusOf), reply.bytes.toString("latin1")).toEqual([vector.refused]);
  const [message] = reply.messages;
  expect(message && values(message, "connection").map((value) => value.toLowerCase())).toEqual(["close"]);
  expect(message && values(message, "content-type")).toEqual(["application/problem+json"]);
  expect(message && values(message, "cache-control")).toEqual(["no-store"]);
  expect(JSON.parse(message?.body.toString() ?? "")).toMatchObject({ status: vector.refused });
  expect(reply.closed).toBe(true);
  const next = await rawExchange(admin.port, LIVE, { responses: 1 });
  expect(next.messages.map(statusOf)).toEqual([200]);
});

test("serves a probe of HTTP/1.0 that names no host", async () => {
  const { port } = await start();
  const reply = await rawExchange(port, "GET /livez HTTP/1.0\r\n\r\n");
  expect(reply.messages.map(statusOf)).toEqual([200]);
});

test("answers requests that are sent one after the other without waiting, in their order", async () => {
  const { port } = await start();
  const status = `GET ${PATH} HTTP/1.1\r\n${API}\r\n`;
  const reply = await rawExchange(port, status + LIVE + status.replace("GET", "PUT") + LIVE, { responses: 4 });
  expect(reply.messages.map(statusOf)).toEqual([200, 200, 405, 200]);
});

test("does nothing of what follows a refusal on its connection", async () => {
  let trips = 0;
  const trip = (): "done" => {
    trips++;
    return "done";
  };
  const { port } = await start({ breakers: { list: () => [], reset: () => "done", trip } });
  const request = `POST /api/v1/admin/circuit-breaker/quiz/winner/trip HTTP/1.1\r\n${API}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`;
  await rawExchange(port, request, { responses: 1 });
  expect(trips).toBe(1);
  const reply = await rawExchange(port, `GET /livez HTTP/1.1\r\n${HOST}${HOST}\r\n${request}`);
  expect([reply.messages.map(statusOf), reply.closed]).toEqual([[400], true]);
  await rawExchange(port, LIVE, { responses: 1 });
  expect(trips).toBe(1);
});

test("lets an answer under way be whole before it refuses the bytes behind its request", async () => {
  const asked = Promise.withResolvers<void>();
  const open = Promise.withResolvers<void>();
  const { port } = await start({
    metrics: async () => {
      asked.resolve();
      await open.promise;
      return { contentType: "text/plain", body: "up 1\n" };
    },
  });
  const me = caller(port, `GET /metrics HTTP/1.1\r\n${HOST}\r\n`);
  await asked.promise;
  me.socket.write("nonsense\r\n\r\n");
  await rawExchange(port, LIVE, { responses: 1 });
  expect(me.heard()).toBe("");
  open.resolve();
  const heard = await me.closed;
  expect(heard).toMatch(/^HTTP\/1\.1 200 OK\r\n.*up 1\n/s);
});

test("says 100 only to a request that it may serve", async () => {
  const { port } = await start();
  const asks = (fields: string): string =>
    `POST ${PATH} HTTP/1.1\r\n${fields}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n`;
  const good = caller(port, asks(API));
  expect(await good.until("\r\n\r\n")).toBe("HTTP/1.1 100 Continue\r\n\r\n");
  good.socket.write("{}");
  expect(await good.until("HTTP/1.1 405 ")).toContain("HTTP/1.1 405 ");
  const bad = await rawExchange(port, asks(API + HOST), { responses: 1 });
  expect(bad.messages.map(statusOf)).toEqual([400]);
});

test.each(["websocket", "h2c"])("switches to no other protocol: %s", async (protocol) => {
  const { port } = await start();
  const fields = `Connection: Upgrade\r\nUpgrade: ${protocol}\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n`;
  const reply = await rawExchange(port, LIVE.replace(HOST, HOST + fields), { responses: 1 });
  expect(reply.messages.map(statusOf)).toEqual([200]);
});

test("drops a caller that stops reading, and keeps one that waits for its answer", async () => {
  const wire = strictWire(systemClock, 500);
  const waiting = Promise.withResolvers<void>();
  const server = createServer((req, res) => {
    if (req.url === "/large") res.end(Buffer.alloc(32 * 1024 * 1024));
    else void waiting.promise.then(() => res.end("ok"));
  });
  wire.prepare(server, {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as { port: number };
  let open = 0;
  server.on("connection", (socket) => {
    open++;
    socket.on("close", () => open--);
  });
  const patient = caller(port, LIVE);
  const stalled = connect(port, "127.0.0.1").pause();
  onTestFinished(() => void stalled.destroy());
  stalled.on("error", () => undefined).write(LIVE.replace("/livez", "/large"));
  await until(() => open === 2);
  await until(() => open === 1);
  waiting.resolve();
  expect(await patient.until("ok")).toMatch(/^HTTP\/1\.1 200 /);
});
