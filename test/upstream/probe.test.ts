import { getEventListeners } from "node:events";
import { afterEach, expect, test } from "vitest";
import { type Clock, systemClock } from "../../src/core/clock.ts";
import type { HealthSettings } from "../../src/core/settings.ts";
import { createUpstreamClient } from "../../src/upstream/client.ts";
import { createProbe, type Probe } from "../../src/upstream/probe.ts";
import { createManualClock } from "../help/manual-clock.ts";
import { ANYWHERE, resolver, startAsleep, upstreamOf } from "../help/peers.ts";
import { type RawAnswer, type RecordingUpstream, recordingUpstream, values } from "../help/raw.ts";
import { startToyProcess } from "../help/toy.process.ts";

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean();
});

const HEALTH: HealthSettings = {
  path: "/health",
  pathNamed: true,
  intervalMs: 2000,
  timeoutMs: 5000,
  unhealthyAfter: 2,
  healthyAfter: 5,
  fastIntervalMs: 500,
  expect: [{ from: 200, to: 299 }],
};

interface Given {
  readonly health?: Partial<HealthSettings>;
  readonly clock?: Clock;
  readonly connections?: number;
  readonly connectTimeoutMs?: number;
  readonly lookup?: ReturnType<typeof resolver>;
}

function probeOf(url: string, given: Given = {}): Probe & { readonly client: ReturnType<typeof createUpstreamClient> } {
  const { clock = systemClock, connections = 4, connectTimeoutMs = 5000, lookup } = given;
  const options = { connections, connectTimeoutMs, tls: null };
  const client = createUpstreamClient(upstreamOf(url), options, { clock, egress: ANYWHERE, ...(lookup && { lookup }) });
  cleanUp.push(() => client.close());
  const probe = createProbe(client, { ...HEALTH, ...given.health }, { clock, version: "1.2.3" });
  return Object.assign(probe.bind(null), { client });
}

async function appThat(answer: RawAnswer | string | null): Promise<RecordingUpstream> {
  const upstream = await recordingUpstream(() => (typeof answer === "string" ? { bytes: answer } : answer));
  cleanUp.push(() => upstream.stop());
  return upstream;
}

const answerOf = (status: number, body: string): string =>
  `HTTP/1.1 ${status} Some Words\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

/** What a probe says of an app with this answer. */
async function found(answer: RawAnswer | string, health: Partial<HealthSettings> = {}) {
  const app = await appThat(answer);
  const report = await probeOf(app.url, { health })();
  await app.idle();
  return report;
}

test("a probe is one GET of the path under the upstream's prefix, by a name of ours, and the last on its connection", async () => {
  const app = await appThat(answerOf(200, "fine"));
  const report = await probeOf(`${app.url}/base`, { health: { path: "/up?full" } })();
  expect(report).toEqual({
    status: "healthy",
    answered: true,
    httpStatus: 200,
    durationMs: expect.any(Number) as number,
    reason: null,
    proxyError: null,
    detail: null,
    details: null,
  });
  const [request] = app.requests();
  expect(request?.line).toBe("GET /base/up?full HTTP/1.1");
  if (request === undefined) return;
  expect(values(request, "host")).toEqual([`127.0.0.1:${app.port}`]);
  expect(values(request, "user-agent")).toEqual(["outrigger/1.2.3"]);
  expect(values(request, "connection")).toEqual(["close"]);
  expect(request.body).toHaveLength(0);
  await app.idle();
});

test("a probe waits behind no request, though the pool has no connection to spare", async () => {
  const app = await recordingUpstream((request) =>
    request.line.startsWith("POST") ? null : { bytes: answerOf(200, "") },
  );
  cleanUp.push(() => app.stop());
  const probe = probeOf(app.url, { connections: 1 });
  const failed = new Promise((resolve) => {
    const none = (): void => undefined;
    const handler = { onRequestStart: none, onResponseStart: none, onResponseData: none, onResponseEnd: none };
    const onResponseError = (_: unknown, error: Error): void => resolve(error);
    probe.client.pool.dispatch({ origin: app.url, path: "/", method: "POST" }, { ...handler, onResponseError });
  });
  await app.received(1);
  expect(await probe()).toMatchObject({ status: "healthy" });
  expect(app.connections()).toBe(2);
  await app.stop();
  expect(await failed).toBeInstanceOf(Error);
});

test.each([
  ["healthy", "healthy"],
  ["OK", "healthy"],
  ["pass", "healthy"],
  ["UP", "healthy"],
  ["degraded", "degraded"],
  ["Warn", "degraded"],
  ["unhealthy", "unhealthy"],
  ["fail", "unhealthy"],
  ["DOWN", "unhealthy"],
  ["error", "unhealthy"],
])("an app that calls itself %j is %s", async (word, status) => {
  const text = JSON.stringify({ status: word, checks: { db: 3 } });
  const report = await found(answerOf(200, text));
  const good = status === "healthy";
  expect(report).toMatchObject({ status, answered: true, httpStatus: 200, reason: good ? null : "status" });
  expect(report.detail).toBe(good ? null : `the app says that its status is "${word.toLowerCase()}"`);
  expect(report.details).toEqual({ status: word, checks: { db: 3 } });
});

test.each([
  ["no JSON", "status: down", null],
  ["an array", '[{"status":"down"}]', null],
  ["null", "null", null],
  ["another word", '{"status":"tired"}', { status: "tired" }],
  ["the name of something every object has", '{"status":"constructor"}', { status: "constructor" }],
  ["a number", '{"status":503}', { status: 503 }],
  ["no status", '{"state":"down"}', { state: "down" }],
  ["nothing", "", null],
])("an answer in `expect` that holds %s is healthy", async (_what, body, details) => {
  expect(await found(answerOf(200, body))).toMatchObject({ status: "healthy", reason: null, details });
});

test("a status outside `expect` is unhealthy, whatever the app says of itself; what it says is kept", async () => {
  for (const status of [301, 401, 404, 405, 500, 501, 503]) {
    expect(await found(answerOf(status, '{"status":"up"}'))).toMatchObject({
      status: "unhealthy",
      answered: true,
      httpStatus: status,
      reason: "status",
      proxyError: null,
      detail: `the status ${status} is not in health.expect`,
      details: { status: "up" },
    });
  }
  expect(await found(answerOf(404, ""), { expect: [{ from: 404, to: 404 }] })).toMatchObject({ status: "healthy" });
  expect(await found(answerOf(200, ""), { expect: [{ from: 204, to: 204 }] })).toMatchObject({ status: "unhealthy" });
});

test("429 tells nothing of an app, nor does the want of a path that nobody named", async () => {
  for (const status of [404, 405, 501]) {
    const report = await found(answerOf(status, '{"status":"down"}'), { pathNamed: false });
    expect(report).toMatchObject({ status: "unknown", answered: true, httpStatus: status, reason: "status" });
    expect(report.detail).toContain("/health");
  }
  expect(await found(answerOf(500, ""), { pathNamed: false })).toMatchObject({ status: "unhealthy" });
  const head = "HTTP/1.1 429 Slow Down\r\nContent-Length: 10\r\n\r\n";
  expect(await found(head)).toMatchObject({ status: "unknown", answered: true, httpStatus: 429, reason: "status" });
});

test("details are kept up to 4 KiB of text, as they were said", async () => {
  const said = (size: number) => `{"status":"down","note":"\\u001b[31m${"x".repeat(size - 37)}"}`;
  const fits = said(4096);
  const kept = await found(answerOf(200, fits));
  expect(kept).toMatchObject({ status: "unhealthy", details: JSON.parse(fits) as object });
  expect(kept.detail).not.toContain("x");
  expect(await found(answerOf(200, said(4097)))).toMatchObject({ status: "unhealthy", details: null });
});

test("a body is read up to 64 KiB and no further: a larger one is judged by its status", async () => {
  const text = (size: number) => `{"status":"down"${" ".repeat(size - 17)}}`;
  expect(await found(answerOf(200, text(65_536)))).toMatchObject({ status: "unhealthy" });
  expect(await found(answerOf(200, text(65_537)))).toMatchObject({ status: "healthy", details: null });
  // One that never ends does not hold it up, either.
  const endless = `HTTP/1.1 200 OK\r\n\r\n${"x".repeat(200_000)}`;
  expect(await found(endless)).toMatchObject({ status: "healthy", httpStatus: 200 });
});

test.each([
  ["no HTTP", "SSH-2.0-OpenSSH_9.6\r\n", false],
  ["another protocol of the kind", "ICY 200 OK\r\n\r\n", false],
  ["a version that is none", "HTTP/x.1 200 OK\r\n\r\n", false],
  ["a status that is none", "HTTP/1.1 2x0 OK\r\n\r\n", false],
  ["a status of four digits", "HTTP/1.1 2000 OK\r\n\r\n", false],
  ["a status beyond 599", "HTTP/1.1 600 Beyond\r\nContent-Length: 0\r\n\r\n", true],
  ["a broken field", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", true],
  ["a broken length", "HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n", true],
  ["two framings", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", true],
  ["a tab behind chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n", true],
  ["chunks of HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", true],
  ["another version of HTTP", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", false],
  ["a coding beside chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", true],
  ["a head without end", `HTTP/1.1 200 OK\r\nX: ${"x".repeat(70_000)}`, true],
  ["a switch of protocols unasked", "HTTP/1.1 101 Switching Protocols\r\n\r\n", true],
  ["the same with a field", "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", true],
])("%s is an invalid answer; it counts as one only after a status line", async (_what, bytes, answered) => {
  expect(await found(bytes)).toMatchObject({
    status: "unhealthy",
    answered,
    httpStatus: 0,
    reason: "invalid_response",
    proxyError: "http_protocol_error",
    details: null,
  });
});

test("a body that breaks off fails the probe, unless the status has condemned the app already", async () => {
  const cut = (status: number): RawAnswer => ({
    bytes: `HTTP/1.1 ${status} Some Words\r\nContent-Length: 10\r\n\r\n{}`,
    end: "close",
  });
  expect(await found(cut(200))).toMatchObject({
    status: "unhealthy",
    answered: true,
    httpStatus: 200,
    reason: "reset",
    proxyError: "http_response_incomplete",
  });
  expect(await found(cut(500))).toMatchObject({ status: "unhealthy", httpStatus: 500, reason: "status" });
  expect(await found({ bytes: "HTTP/1.1 200 O", end: "close" })).toMatchObject({ answered: false, reason: "reset" });
});

test("what comes before the answer is proof of life, but no answer", async () => {
  const early = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
  expect(await found(early + answerOf(200, ""))).toMatchObject({ status: "healthy", httpStatus: 200 });
  expect(await found(early, { timeoutMs: 300 })).toMatchObject({ answered: true, httpStatus: 0, reason: "timeout" });
});

test("without an answer a probe ends at its timeout, not sooner, and lets go of the connection", async () => {
  const app = await appThat(null);
  for (const timeoutMs of [undefined, 300]) {
    const clock = createManualClock();
    const probe = probeOf(app.url, { clock, health: { timeoutMs: 700 } });
    let over = false;
    const asked = app.requests().length + 1;
    const report = probe(timeoutMs === undefined ? {} : { timeoutMs }).finally(() => {
      over = true;
    });
    await app.received(asked);
    clock.advance((timeoutMs ?? 700) - 1);
    await new Promise(setImmediate);
    expect(over).toBe(false);
    clock.advance(1);
    expect(await report).toEqual({
      status: "unhealthy",
      answered: false,
      httpStatus: 0,
      durationMs: timeoutMs ?? 700,
      reason: "timeout",
      proxyError: "http_response_timeout",
      detail: `no whole answer within ${timeoutMs ?? 700} ms`,
      details: null,
    });
    await app.idle();
    expect(clock.pending()).toBe(0);
  }
});

test("an answer that came in time counts, though we were too busy to read it then", async () => {
  const app = await startToyProcess("app");
  cleanUp.push(() => app.stop());
  await app.behave({ kind: "slow", ms: 50 });
  const report = probeOf(app.url, { health: { timeoutMs: 300 } })();
  await app.probed(1);
  // Nothing of ours runs for longer than the probe may take; the app answers meanwhile.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600);
  expect(await report).toMatchObject({ status: "healthy", answered: true });
});

test("a body that stops coming is a timeout of an app that has answered", async () => {
  const head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
  expect(await found(head, { timeoutMs: 300 })).toMatchObject({
    status: "unhealthy",
    answered: true,
    httpStatus: 200,
    reason: "timeout",
    proxyError: "http_response_incomplete",
  });
});

test("a process that stands still is found out, though its kernel takes the connection", async () => {
  const asleep = await startAsleep();
  cleanUp.push(() => asleep.stop());
  expect(await probeOf(`http://127.0.0.1:${asleep.port}`)({ timeoutMs: 50 })).toMatchObject({
    status: "unhealthy",
    answered: false,
    reason: "timeout",
    proxyError: "http_response_timeout",
  });
});

test("the timeout holds for the lookup and the connection, too, and nothing is left under way", async () => {
  const clock = createManualClock();
  const url = "http://app.test:9";
  const lost = probeOf(url, { clock, lookup: resolver(null) });
  const lookup = lost({ timeoutMs: 20 });
  clock.advance(20);
  expect(await lookup).toMatchObject({ reason: "dns", proxyError: "dns_timeout", durationMs: 20 });
  expect(clock.pending()).toBe(0);
  const full = await startAsleep({ full: true });
  cleanUp.push(() => full.stop());
  const deaf = probeOf(`http://127.0.0.1:${full.port}`, { clock });
  const connection = deaf({ timeoutMs: 20 });
  clock.advance(20);
  expect(await connection).toMatchObject({ reason: "connect", proxyError: "connection_timeout", durationMs: 20 });
  expect(clock.pending()).toBe(0);
});

test("the connect timeout of live traffic holds for a probe that would wait longer", async () => {
  const clock = createManualClock();
  const probe = probeOf("http://app.test:9", { clock, lookup: resolver(null), connectTimeoutMs: 100 });
  const report = probe({ timeoutMs: 1000 });
  clock.advance(100);
  expect(await report).toMatchObject({ reason: "dns", proxyError: "dns_timeout", durationMs: 100 });
  expect(clock.pending()).toBe(0);
});

test("a probe given up ends at once, says nothing of the app and leaves nothing behind", async () => {
  const app = await appThat(null);
  const clock = createManualClock();
  const giveUp = new AbortController();
  const report = probeOf(app.url, { clock })({ signal: giveUp.signal });
  await app.received(1);
  giveUp.abort();
  expect(await report).toMatchObject({ status: "unknown", answered: false, reason: null });
  await app.idle();
  expect(getEventListeners(giveUp.signal, "abort")).toHaveLength(0);
  expect(clock.pending()).toBe(0);
  const connecting = new AbortController();
  const dialing = probeOf("http://app.test:9", { clock, lookup: resolver(null) })({ signal: connecting.signal });
  connecting.abort();
  expect(await dialing).toMatchObject({ status: "unknown", reason: null });
  expect(clock.pending()).toBe(0);
  // Given up before it began: nothing is opened.
  expect(await probeOf(app.url, { clock })({ signal: giveUp.signal })).toMatchObject({ status: "unknown" });
  expect(app.connections()).toBe(1);
});
