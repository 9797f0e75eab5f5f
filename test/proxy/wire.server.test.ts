import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterEach, expect, test } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { refusal } from "../../src/proxy/wire.refusal.ts";
import { hasBody, isWebSocket, prepareServer, refuseSocket, serverOptions } from "../../src/proxy/wire.server.ts";
import { createManualClock } from "../help/manual-clock.ts";
import { rawExchange, statusOf, values } from "../help/raw.ts";
import { LIMITS } from "../wire/limits.ts";

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean();
});

async function listen(
  serve: (req: IncomingMessage, res: ServerResponse) => void,
  limits: Partial<typeof LIMITS> = {},
): Promise<{ port: number; server: ReturnType<typeof createServer> }> {
  const server = createServer(serverOptions({ ...LIMITS, ...limits }, isWebSocket));
  prepareServer(server, { clock: systemClock, told: () => "test" });
  server.on("request", serve);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanUp.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port, server };
}

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

test("a head that does not come in time is 408, as problem+json", async () => {
  const { port } = await listen((_req, res) => res.end(), { headersTimeoutMs: 50, requestTimeoutMs: 100 });
  const reply = await rawExchange(port, "GET / HTTP/1.1\r\nHos");
  expect(reply.messages.map(statusOf)).toEqual([408]);
  expect(values(reply.messages[0]!, "content-type")).toEqual(["application/problem+json"]);
  expect(values(reply.messages[0]!, "outrigger-outcome")).toEqual(["rejected"]);
  expect(reply.closed).toBe(true);
});

test("a body that does not come in time is 408", async () => {
  const { port } = await listen((req) => req.on("error", () => undefined).resume(), {
    headersTimeoutMs: 50,
    requestTimeoutMs: 100,
  });
  const reply = await rawExchange(port, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf");
  expect(reply.messages.map(statusOf)).toEqual([408]);
});

test("connections are kept, announced as shorter than they are", async () => {
  const { port, server } = await listen((_req, res) => res.end("ok"));
  const reply = await rawExchange(port, GET, { responses: 1 });
  const [announced] = values(reply.messages[0]!, "keep-alive");
  expect(announced).toBe("timeout=30");
  expect(server.keepAliveTimeoutBuffer).toBe(5_000);
});

test("bad bytes behind a request that is being served leave its answer alone", async () => {
  let answer: ServerResponse | undefined;
  const { port } = await listen((_req, res) => {
    answer = res;
  });
  const reply = rawExchange(port, `${GET}nonsense\r\n\r\n`);
  while (answer === undefined) await new Promise((resolve) => setImmediate(resolve));
  answer.end("mine");
  const { messages, closed } = await reply;
  expect(messages[0]?.body.toString()).toBe("mine");
  expect(values(messages[0]!, "connection")).toEqual(["close"]);
  expect(messages).toHaveLength(1);
  expect(closed).toBe(true);
});

test("a body that breaks while the answer streams cuts the answer", async () => {
  const { port } = await listen((req, res) => {
    req.on("error", () => undefined).resume();
    res.write("begun");
  });
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.write("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
  let got = "";
  socket.on("data", (chunk) => {
    got += String(chunk);
    if (got.includes("begun")) socket.write("nonsense\r\n");
  });
  await once(socket, "close");
  expect(got).toContain("begun");
  expect(got).not.toContain("HTTP/1.1 400");
  expect(got).not.toMatch(/\r\n0\r\n\r\n$/);
});

test("a refused caller that goes on sending still reads the refusal, and is cut off in the end", async () => {
  const clock = createManualClock();
  const refused = refusal(413, "too much");
  const { port } = await listen((req) => refuseSocket(req.socket, refused, { clock, told: () => "test" }));
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n${"x".repeat(3_000_000)}`);
  const [chunk] = (await once(socket, "data")) as [Buffer];
  expect(chunk.toString()).toContain("413 Content too large");
  expect(clock.pending()).toBe(1);
  clock.advance(1_000);
  if (!socket.closed) await once(socket, "close");
  while (clock.pending() > 0) await new Promise((resolve) => setImmediate(resolve));
});

test("a request without a body is told from one with an empty body", async () => {
  const had: boolean[] = [];
  const { port } = await listen((req, res) => {
    had.push(hasBody(req));
    res.end();
  });
  for (const field of ["", "Content-Length: 0\r\n", "Transfer-Encoding: chunked\r\n"]) {
    const end = field.startsWith("T") ? "0\r\n\r\n" : "";
    await rawExchange(port, `POST / HTTP/1.1\r\nHost: a\r\n${field}\r\n${end}`, { responses: 1 });
  }
  expect(had).toEqual([false, true, true]);
});
