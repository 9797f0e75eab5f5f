import { createServer } from "node:net";
import { afterEach, expect, test } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import type { Answer, Exchange } from "../../src/core/exchange.ts";
import type { Fault } from "../../src/core/fault.ts";
import { createMemoryLedger } from "../../src/core/memory.ts";
import type { UpstreamSettings } from "../../src/core/settings.ts";
import { createUpstreamClient, type UpstreamClient } from "../../src/upstream/client.ts";
import { type SendPlan, sendOnce } from "../../src/upstream/send.ts";
import { createExchange, sendPlan } from "../help/exchange.ts";
import { ANYWHERE, upstreamOf } from "../help/peers.ts";
import { type RawAnswer, type RecordingUpstream, recordingUpstream } from "../help/raw.ts";

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean();
});

interface Subject {
  readonly client: UpstreamClient;
  readonly left: () => number;
  readonly memory: ReturnType<typeof createMemoryLedger>;
  send(given?: Partial<Exchange>, plan?: Partial<SendPlan>): Promise<Answer | Fault>;
}

function subject(upstream: Partial<UpstreamSettings> & { port: number }, connections = 4): Subject {
  const settings = { ...upstreamOf(`http://127.0.0.1:${upstream.port}`), ...upstream };
  const options = { connections, connectTimeoutMs: 1000, tls: null };
  const client = createUpstreamClient(settings, options, { clock: systemClock, egress: ANYWHERE });
  const memory = createMemoryLedger(1 << 20);
  let left = 0;
  const deps = { clock: systemClock, memory, leave: () => void left++ };
  cleanUp.push(() => client.close());
  return {
    client,
    memory,
    left: () => left,
    send: async (given = {}, plan = {}) => {
      const x = createExchange({ tryMs: 2000, deadlineAt: systemClock.now() + 2000, ...given });
      return (await sendOnce(client, sendPlan(plan), deps, x)) as Answer | Fault;
    },
  };
}

async function answering(...answers: (RawAnswer | null | string)[]): Promise<RecordingUpstream & Subject> {
  const upstream = await recordingUpstream((_request, _socket, n) => {
    const answer = answers[Math.min(n, answers.length - 1)] ?? null;
    return typeof answer === "string" ? { bytes: answer } : answer;
  });
  cleanUp.push(() => upstream.stop());
  return Object.assign(upstream, subject({ port: upstream.port }));
}

const HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";

test("a try writes the request as it is held and brings the whole answer", async () => {
  const up = await answering(`${HEAD}Connection: keep-alive\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 2\r\n\r\nok`);
  const body = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const reply = await up.send({ body, rest: "/x?y=%2f", outHeaders: ["X-One", "1"], tryMs: 1500 });
  expect(reply).toMatchObject({ kind: "answer", status: 200, worth: "ok", upstream: "primary" });
  expect((reply as Answer).headers).toEqual(["Content-Type", "text/plain", "X-A", "1", "x-a", "2"]);
  expect((reply as Answer).body.toString()).toBe("ok");
  const [request] = up.requests();
  expect(request?.line).toBe("POST /hook/x?y=%2f HTTP/1.1");
  expect(request?.body.equals(body)).toBe(true);
  expect(up.saw().toString("latin1")).toMatch(/X-Timeout-Ms: 1500\r\nX-Retry-Attempt: 0\r\nX-Max-Attempts: 2\r\n/);
  expect(up.left()).toBe(1);
});

test("connections are kept and used again", async () => {
  const up = await answering(`${HEAD}Content-Length: 2\r\n\r\nok`);
  for (let i = 0; i < 5; i++) {
    expect(await up.send()).toMatchObject({ kind: "answer" });
    // A connection is free again one turn of the loop after its answer.
    await new Promise(setImmediate);
  }
  expect(up.connections()).toBe(1);
});

test("a refused connection, a name nobody knows and a peer that closes at once wrote nothing", async () => {
  const gone = await answering("");
  await gone.stop();
  expect(await gone.send()).toMatchObject({
    kind: "fault",
    reason: "connect",
    written: false,
    proxyError: "connection_refused",
  });
  const unknown = subject({ port: 80, hostname: "no-such-host.invalid", authority: "no-such-host.invalid" });
  expect(await unknown.send()).toMatchObject({ kind: "fault", reason: "dns", written: false });
});

test("a peer that speaks no TLS, or closes during it, is a TLS fault of which nothing was written", async () => {
  const server = createServer((socket) => socket.on("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")));
  const closing = createServer((socket) => socket.on("data", () => socket.destroy()));
  for (const one of [server, closing]) {
    await new Promise<void>((resolve) => one.listen(0, "127.0.0.1", resolve));
    cleanUp.push(() => new Promise((resolve) => one.close(resolve)));
    const { port } = one.address() as { port: number };
    const up = subject({ port, secure: true, url: `https://127.0.0.1:${port}` });
    expect(await up.send()).toMatchObject({ kind: "fault", reason: "tls", written: false, upstream: "primary" });
  }
});

test("an answer that does not come in time is a timeout, and frees the connection", async () => {
  const up = await answering(null);
  const reply = await up.send({ tryMs: 50 });
  expect(reply).toMatchObject({ reason: "timeout", written: true, proxyError: "http_response_timeout" });
  await up.idle();
  expect(up.left()).toBe(1);
});

test("a head without its body in time is a timeout of an incomplete answer", async () => {
  const up = await answering(`${HEAD}Content-Length: 10\r\n\r\nhalf`);
  const reply = await up.send({ tryMs: 50 });
  expect(reply).toMatchObject({ reason: "timeout", written: true, proxyError: "http_response_incomplete" });
});

test("a body cut short is a failure, by length and by chunks", async () => {
  for (const framing of ["Content-Length: 10\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"]) {
    const up = await answering({ bytes: HEAD + framing, end: "close" });
    expect(await up.send()).toMatchObject({
      reason: "reset",
      written: true,
      proxyError: "http_response_incomplete",
    });
  }
});

test("a connection that breaks before any answer is a reset of something written", async () => {
  const up = await answering({ bytes: "", end: "reset" });
  expect(await up.send()).toMatchObject({ reason: "reset", written: true, proxyError: "connection_terminated" });
});

test("an answer that is no HTTP, one with two framings, or a switch of protocols unasked is not valid", async () => {
  for (const bytes of [
    "ICY 200 OK\r\n\r\n",
    "HTTP/1.1 600 Beyond\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    `${HEAD}Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
    `${HEAD}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
    `${HEAD}Content-Length: 2\r\nContent-Length: 3\r\n\r\nok!`,
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
  ]) {
    const up = await answering(bytes);
    expect(await up.send(), bytes).toMatchObject({ reason: "invalid_response", written: true });
  }
});

test("1xx answers are dropped, 204 and HEAD have no body", async () => {
  const early = await answering(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${HEAD}Content-Length: 2\r\n\r\nok`);
  expect(await early.send()).toMatchObject({ kind: "answer", status: 200 });
  const none = await answering("HTTP/1.1 204 No Content\r\n\r\n");
  expect(((await none.send()) as Answer).body).toHaveLength(0);
  const head = await answering(`${HEAD}Content-Length: 9999\r\n\r\n`);
  expect(await head.send({ method: "HEAD" })).toMatchObject({ kind: "answer", status: 200, stream: null });
});

test("a caller who leaves ends the try at once and frees the upstream's connection", async () => {
  const up = await answering(null);
  const x = createExchange({ tryMs: 10_000, deadlineAt: systemClock.now() + 10_000 });
  const reply = sendOnce(up.client, sendPlan(), { clock: systemClock, memory: up.memory, leave: () => undefined }, x);
  await up.received(1);
  x.gone = true;
  x.onGone?.();
  expect(await reply).toMatchObject({ kind: "fault", aborted: true });
  await up.idle();
  expect(x.onGone).toBe(null);
});

test("a try given up while it waited for a connection is never written", async () => {
  const up = await answering(null, `${HEAD}Content-Length: 2\r\n\r\nok`);
  const one = subject({ port: up.port }, 1);
  const first = one.send({ tryMs: 300, rest: "/first" });
  await up.received(1);
  const second = await one.send({ tryMs: 50, rest: "/second" });
  expect(second).toMatchObject({ reason: "connect", written: false, proxyError: "connection_timeout" });
  expect(await first).toMatchObject({ reason: "timeout" });
  expect(await one.send({ rest: "/third" })).toMatchObject({ kind: "answer" });
  expect(up.saw().toString("latin1")).not.toContain("/second");
});

test("a large answer is streamed in order, or refused where it would have to be judged whole", async () => {
  const text = "0123456789".repeat(20_000);
  for (const framing of [
    `Content-Length: ${text.length}\r\n\r\n${text}`,
    `Transfer-Encoding: chunked\r\n\r\n${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`,
  ]) {
    const up = await answering(HEAD + framing);
    const refused = await up.send({}, { refuseLarge: true });
    expect(refused).toMatchObject({ reason: "invalid_response", proxyError: "http_response_body_size" });
    const reply = (await up.send()) as Answer;
    expect(reply.body).toHaveLength(0);
    const chunks: Uint8Array[] = [];
    const end = await new Promise<Fault | null>((resolve) => {
      reply.stream?.pipe((chunk) => {
        chunks.push(chunk);
        // Ask for a pause each time, and take it up again at once: nothing may be lost or swapped.
        setImmediate(() => reply.stream?.resume());
        return false;
      }, resolve);
    });
    expect(end).toBe(null);
    expect(Buffer.concat(chunks).toString()).toBe(text);
    expect(up.left()).toBe(2);
  }
});

test("a streamed answer that breaks off says so to whoever pipes it", async () => {
  const up = await answering({ bytes: `${HEAD}Content-Length: 999999\r\n\r\n${"x".repeat(5000)}`, end: "close" });
  const reply = (await up.send()) as Answer;
  const end = await new Promise<Fault | null>((resolve) => reply.stream?.pipe(() => true, resolve));
  expect(end).toMatchObject({ reason: "reset", written: true });
});

test("answers beyond the memory for bodies are refused as overload", async () => {
  const up = await answering(`${HEAD}Content-Length: 500\r\n\r\n${"x".repeat(500)}`);
  up.memory.limit = 100;
  expect(await up.send()).toMatchObject({ reason: "overload", written: true });
});
