import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { createManualClock } from "../help/manual-clock.ts";
import { startPassthrough } from "../help/passthrough.ts";
import { type RawMessage, rawExchange, recordingUpstream, statusOf, values } from "../help/raw.ts";
import { HEAD, setUp, until } from "./passthrough.rig.ts";

/** A caller by hand: what it got so far, and a promise for when it got a certain text. */
function caller(port: number) {
  const socket = connect(port, "127.0.0.1");
  let got = "";
  let waiting: { readonly text: string; readonly resolve: () => void }[] = [];
  socket.on("error", () => undefined);
  socket.on("data", (chunk: Buffer) => {
    got += chunk.toString("latin1");
    for (const w of waiting) if (got.includes(w.text)) w.resolve();
    waiting = waiting.filter((w) => !got.includes(w.text));
  });
  const closed = once(socket, "close");
  onTestFinished(() => void socket.destroy());
  return {
    socket,
    closed,
    got: () => got,
    sees: (text: string) =>
      new Promise<void>((resolve) => {
        if (got.includes(text)) resolve();
        else waiting.push({ text, resolve });
      }),
  };
}

test("a request goes out with its own target, headers in order and number, and the upstream's Host", async () => {
  const { upstream, host } = await setUp();
  await rawExchange(
    host.port,
    `${HEAD}X-B: 2\r\nx-a: 1\r\nX-B: 1\r\nCookie: a=b\r\nConnection: X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\nContent-Length: 2\r\n\r\nhi`,
    { responses: 1 },
  );
  const [request] = upstream.requests();
  expect(request?.line).toBe("POST /up?x=%2F HTTP/1.1");
  expect(request?.headers).toEqual([
    ...["X-B", "2", "x-a", "1", "X-B", "1", "Cookie", "a=b"],
    ...["Host", `127.0.0.1:${upstream.port}`, "Content-Length", "2", "Connection", "keep-alive"],
  ]);
});

test("an answer begins before the request is whole, and both stream", async () => {
  let answering: Socket | undefined;
  const raw = createServer((socket) => {
    answering = socket;
    socket.once("data", () => socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n"));
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => raw.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => new Promise<void>((resolve) => raw.close(() => resolve())));
  const host = await startPassthrough((raw.address() as AddressInfo).port);
  onTestFinished(host.stop);
  const me = caller(host.port);
  me.socket.write(`${HEAD}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n`);
  await me.sees("one");
  expect(me.got()).toContain("X-Request-ID: r-1");
  answering?.write("3\r\ntwo\r\n0\r\n\r\n");
  await me.sees("two");
  const [result] = await host.ended(1);
  expect(result).toMatchObject({ status: 200, fault: null, headSent: true });
  // Answered before it was asked to the end: neither connection is used again.
  await me.closed;
  if (answering !== undefined && !answering.destroyed) await once(answering, "close");
});

test("a large body passes in both directions, byte for byte", async () => {
  const body = Buffer.alloc(3_000_000, 0).map((_, i) => (i * 7) % 251);
  const { upstream, host } = await setUp((request) => ({
    bytes: Buffer.concat([
      Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${request.body.length}\r\n\r\n`),
      request.body,
    ]),
  }));
  const reply = await rawExchange(
    host.port,
    Buffer.concat([Buffer.from(`${HEAD}Content-Length: ${body.length}\r\n\r\n`), body]),
    { responses: 1 },
  );
  expect(Buffer.compare(upstream.requests()[0]?.body ?? Buffer.alloc(0), body)).toBe(0);
  expect(Buffer.compare(reply.messages[0]?.body ?? Buffer.alloc(0), body)).toBe(0);
});

test("100-continue is answered by us and never forwarded", async () => {
  const { upstream, host } = await setUp();
  const me = caller(host.port);
  me.socket.write(`${HEAD}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n`);
  await me.sees("100 Continue");
  me.socket.write("hi");
  await me.sees("200 OK");
  expect(values(upstream.requests()[0] as RawMessage, "expect")).toEqual([]);
});

test("connections are kept and used again, one request at a time", async () => {
  const { upstream, host } = await setUp();
  for (let i = 0; i < 5; i++) await rawExchange(host.port, `${HEAD}\r\n`, { responses: 1 });
  expect(upstream.requests()).toHaveLength(5);
  expect(upstream.connections()).toBe(1);
});

test("an answer that comes unasked on an idle connection reaches nobody", async () => {
  let idle: Socket | undefined;
  const { upstream, host } = await setUp((_request, socket, n) => {
    idle ??= socket;
    return { bytes: `HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${n}` };
  });
  await rawExchange(host.port, `${HEAD}\r\n`, { responses: 1 });
  idle?.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
  await upstream.idle();
  const reply = await rawExchange(host.port, `${HEAD}\r\n`, { responses: 1 });
  expect(reply.messages.map((m) => m.body.toString())).toEqual(["1"]);
});

test("a caller that leaves before the answer takes the upstream's connection along at once", async () => {
  const { upstream, host } = await setUp(() => null);
  const me = caller(host.port);
  me.socket.write(`${HEAD}\r\n`);
  await upstream.received(1);
  me.socket.destroy();
  const [result] = await host.ended(1);
  expect(result).toMatchObject({ status: 0, headSent: false, fault: { aborted: true, upstream: "primary" } });
  await upstream.idle();
});

test("a caller that leaves in the midst of the answer takes the upstream's connection along", async () => {
  const { upstream, host } = await setUp(() => ({ bytes: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf" }));
  const me = caller(host.port);
  me.socket.write(`${HEAD}\r\n`);
  await me.sees("half");
  me.socket.destroy();
  const [result] = await host.ended(1);
  expect(result).toMatchObject({ status: 200, headSent: true, fault: { aborted: true } });
  await upstream.idle();
});

test("an upstream that dies in the midst of the answer breaks the caller's connection", async () => {
  let app: Socket | undefined;
  const { host } = await setUp((_request, socket) => {
    app = socket;
    return { bytes: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n" };
  });
  const me = caller(host.port);
  me.socket.write(`${HEAD}\r\n`);
  await me.sees("half");
  app?.resetAndDestroy();
  await me.closed;
  expect(me.got()).not.toContain("\r\n0\r\n");
  const [result] = await host.ended(1);
  expect(result).toMatchObject({ status: 200, fault: { reason: "reset", aborted: false } });
});

test("an upstream that refuses the connection is a fault of which nothing was written", async () => {
  const upstream = await recordingUpstream();
  await upstream.stop();
  const host = await startPassthrough(upstream.port);
  onTestFinished(host.stop);
  const reply = await rawExchange(host.port, `${HEAD}\r\n`, { responses: 1 });
  expect(reply.messages.map(statusOf)).toEqual([502]);
  expect((await host.ended(1))[0]?.fault).toMatchObject({
    reason: "connect",
    written: false,
    proxyError: "connection_refused",
  });
});

test("no head within the timeout is a timeout, not a reset", async () => {
  const clock = createManualClock();
  const { upstream, host } = await setUp(() => null, { clock, timeoutMs: 2_000 });
  const me = caller(host.port);
  me.socket.write(`${HEAD}\r\n`);
  await upstream.received(1);
  clock.advance(1_999);
  expect(host.results).toEqual([]);
  clock.advance(1);
  expect((await host.ended(1))[0]?.fault).toMatchObject({
    reason: "timeout",
    written: true,
    proxyError: "http_response_timeout",
  });
  await me.sees("504 ");
  await upstream.idle();
  expect(clock.pending()).toBe(0);
});

test("the timeout begins with the last byte of the request; until then only idleness counts", async () => {
  const clock = createManualClock();
  const { upstream, host } = await setUp(() => null, { clock, timeoutMs: 1_000, idleMs: 5_000 });
  const me = caller(host.port);
  me.socket.write(`${HEAD}Content-Length: 4\r\n\r\nab`);
  await until(() => upstream.saw().includes("ab"));
  clock.advance(4_000);
  me.socket.write("cd");
  await upstream.received(1);
  clock.advance(999);
  expect(host.results).toEqual([]);
  clock.advance(1);
  expect((await host.ended(1))[0]?.fault).toMatchObject({ reason: "timeout", aborted: false });
});

test("a request that stops arriving is the caller's doing", async () => {
  const clock = createManualClock();
  const { upstream, host } = await setUp(() => null, { clock, idleMs: 5_000 });
  const me = caller(host.port);
  me.socket.write(`${HEAD}Content-Length: 4\r\n\r\nab`);
  await until(() => upstream.saw().includes("ab"));
  clock.advance(5_000);
  expect((await host.ended(1))[0]?.fault).toMatchObject({ aborted: true, detail: "the request stopped arriving" });
  await upstream.idle();
});

test("an answer that stops coming ends by idleness, one that goes on does not, and none outlives the total", async () => {
  const clock = createManualClock();
  let app: Socket | undefined;
  const { host } = await setUp(
    (_request, socket) => {
      app = socket;
      return { bytes: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n#0\r\n" };
    },
    { clock, idleMs: 5_000, totalMs: 12_000 },
  );
  const stalled = caller(host.port);
  stalled.socket.write(`${HEAD}\r\n`);
  await stalled.sees("#0");
  clock.advance(5_000);
  expect((await host.ended(1))[0]?.fault).toMatchObject({ reason: "timeout", detail: "the answer stopped coming" });
  await stalled.closed;

  const steady = caller(host.port);
  steady.socket.write(`${HEAD}\r\n`);
  await steady.sees("#0");
  for (const n of [1, 2]) {
    clock.advance(4_000);
    app?.write(`2\r\n#${n}\r\n`);
    await steady.sees(`#${n}`);
  }
  expect(host.results).toHaveLength(1);
  clock.advance(4_000);
  expect((await host.ended(2))[1]?.fault).toMatchObject({
    reason: "timeout",
    detail: "the longest time of a relay is over",
  });
  await steady.closed;
  expect(clock.pending()).toBe(0);
});

test("closing ends what is open", async () => {
  const { upstream, host } = await setUp(() => null);
  const me = caller(host.port);
  me.socket.write(`${HEAD}\r\n`);
  await upstream.received(1);
  host.close();
  host.close();
  const [result] = await host.ended(1);
  expect(result?.fault).toMatchObject({ aborted: true, detail: "Outrigger is stopping" });
});

test("a caller that reads what comes is not reset at a stop", async () => {
  const { host } = await setUp(() => ({ bytes: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n#0\r\n" }));
  const me = caller(host.port);
  me.socket.write(`${HEAD}\r\n`);
  await me.sees("#0");
  host.close();
  // Rejects where the connection is reset.
  await me.closed;
  expect(me.got()).toMatch(/#0\r\n$/);
});
