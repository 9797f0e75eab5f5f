import { once } from "node:events";
import { connect } from "node:net";
import { setImmediate } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import type { StreamTimes } from "../../src/admin/follow.ts";
import { api, OPERATOR, startAdmin, type TestAdmin } from "../help/admin.ts";
import { breakerMoved, fallbackUsed, requestCompleted } from "../help/events.ts";
import { readMessages } from "../help/sse.ts";

const EVENTS = "/api/v1/admin/events";
const QUICK: StreamTimes = { heartbeatMs: 50, stallMs: 60_000, gatherMs: 1 };

async function follow(admin: TestAdmin, query = "", headers: Record<string, string> = {}) {
  const response = await admin.ask(`${EVENTS}${query}`, { headers });
  expect(response.status).toBe(200);
  const messages = readMessages(response);
  onTestFinished(() => messages.cancel());
  return { response, ...messages };
}

test("events are streamed as they happen, with type, id and the record that the log has too", async () => {
  const admin = await startAdmin();
  const stream = await follow(admin);
  expect(stream.response.headers.get("content-type")).toBe("text/event-stream");
  expect(stream.response.headers.get("cache-control")).toMatch(/no-cache|no-store/);
  admin.bus.emit(requestCompleted());
  admin.bus.emit(breakerMoved());
  const [request, breaker] = await stream.take(2);
  expect(request).toMatchObject({
    event: "request.completed",
    data: { type: "request.completed", app: "quiz", outcome: "ok", duration_ms: 5 },
  });
  expect(breaker).toMatchObject({ event: "breaker.opened", data: { upstream: "primary", dry_run: false } });
  expect(request?.id).toMatch(/^[0-9a-z]+-1$/);
  expect(breaker?.id).toMatch(/^[0-9a-z]+-2$/);
});

test("a stream can be kept to an app, to types, and to a room", async () => {
  const admin = await startAdmin();
  const app = await follow(admin, "?app=shop");
  const types = await follow(admin, "?type=breaker.opened,breaker.closed&type=fallback.used");
  const room = await follow(admin, "?room=42&type=request.completed");
  const shop = { app: "shop", capability: "order", key: "shop/order", mode: "sync" } as const;
  for (const event of [
    requestCompleted({ labels: { room: "41" } }),
    requestCompleted({ route: shop }),
    breakerMoved(),
    fallbackUsed({ labels: { room: "42" } }),
    requestCompleted({ labels: { room: "42" } }),
    breakerMoved({ app: "shop", type: "breaker.half_open" }),
  ])
    admin.bus.emit(event);
  expect((await app.take(2)).map(({ event }) => event)).toEqual(["request.completed", "breaker.half_open"]);
  expect((await types.take(2)).map(({ event }) => event)).toEqual(["breaker.opened", "fallback.used"]);
  expect((await room.take(1)).map(({ data }) => data.labels)).toEqual([{ room: "42" }]);
});

test("a type that is none is refused with the list of those there are", async () => {
  const admin = await startAdmin();
  expect(await api(admin, "/events?type=breaker.opened,nonsense")).toMatchObject({
    status: 400,
    body: { issues: [{ path: "query.type.1", message: expect.stringContaining("request.completed") }] },
  });
});

test("a reader that comes back with the last id it saw gets what it missed, and only that", async () => {
  const admin = await startAdmin();
  const first = await follow(admin);
  for (let i = 0; i < 3; i++) admin.bus.emit(requestCompleted({ id: `r${i}` }));
  const [, second] = await first.take(3);
  await first.cancel();
  admin.bus.emit(requestCompleted({ id: "r3" }));
  const again = await follow(admin, "", { "Last-Event-ID": String(second?.id) });
  expect((await again.take(2)).map(({ data }) => data.id)).toEqual(["r2", "r3"]);
});

test("what is no longer held, or was of another run, is said to be missing before the rest comes", async () => {
  const admin = await startAdmin({}, { ring: { requests: 4, others: 4 } });
  const stream = await follow(admin);
  admin.bus.emit(requestCompleted({ id: "r0" }));
  const id = String((await stream.take(1))[0]?.id);
  await stream.cancel();
  for (let i = 1; i <= 6; i++) admin.bus.emit(requestCompleted({ id: `r${i}` }));
  for (const lastId of [id, "otherrun-1", "nonsense"]) {
    const again = await follow(admin, "", { "Last-Event-ID": lastId });
    const messages = await again.take(5);
    expect(messages[0]).toEqual({ id: null, event: "gap", data: { type: "gap", after: lastId } });
    expect(messages.slice(1).map(({ data }) => data.id)).toEqual(["r3", "r4", "r5", "r6"]);
  }
});

test("a flood of requests does not push out that a breaker opened", async () => {
  const admin = await startAdmin({}, { ring: { requests: 4, others: 4 } });
  const stream = await follow(admin, "?type=manifest.applied");
  admin.bus.emit({ type: "manifest.applied", at: 0, revision: 1, hash: "a", by: "start" });
  const id = String((await stream.take(1))[0]?.id);
  await stream.cancel();
  admin.bus.emit(breakerMoved());
  for (let i = 0; i < 50; i++) admin.bus.emit(requestCompleted());
  const again = await follow(admin, "?type=breaker.opened", { "Last-Event-ID": id });
  expect(await again.take(1)).toMatchObject([{ event: "breaker.opened" }]);
});

test("while nothing happens, comments keep the connection alive", async () => {
  const admin = await startAdmin({}, { streams: QUICK });
  const stream = await follow(admin);
  const message = stream.take(1);
  await expect.poll(() => stream.comments.length, { timeout: 10_000 }).toBeGreaterThan(1);
  admin.bus.emit(breakerMoved());
  await message;
});

test("many readers each get everything, in order, under load", async () => {
  const admin = await startAdmin();
  const streams = await Promise.all(Array.from({ length: 5 }, () => follow(admin)));
  const emitting = (async () => {
    for (let i = 0; i < 2000; i++) {
      admin.bus.emit(requestCompleted({ id: `r${i}` }));
      if (i % 100 === 0) await setImmediate();
    }
  })();
  for (const stream of streams)
    expect((await stream.take(2000)).map(({ data }) => data.id)).toEqual(
      Array.from({ length: 2000 }, (_, i) => `r${i}`),
    );
  await emitting;
});

/** Opens a stream on a socket that reads the head and then nothing more. */
async function followWithoutReading(admin: TestAdmin) {
  const { hostname, port } = new URL(admin.url);
  const socket = connect(Number(port), hostname);
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => {});
  socket.write(`GET ${EVENTS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${OPERATOR}\r\n\r\n`);
  const [head] = await once(socket, "data");
  expect(String(head)).toMatch(/^HTTP\/1\.1 200 OK/);
  socket.pause();
  return socket;
}

test("a reader that does not read is cut off once what it has not read is gone, and others are not held up", async () => {
  const admin = await startAdmin({}, { ring: { requests: 1000, others: 10 } });
  const socket = await followWithoutReading(admin);
  const reading = await follow(admin, "?type=breaker.opened");
  let received = 0;
  const closed = once(socket, "close");
  // Far more than the buffers of a loopback connection take.
  for (let i = 0; i < 60_000; i++) {
    admin.bus.emit(requestCompleted({ id: `${"x".repeat(100)}${i}` }));
    if (i % 500 === 0) await setImmediate();
  }
  admin.bus.emit(breakerMoved());
  expect(await reading.take(1)).toMatchObject([{ event: "breaker.opened" }]);
  socket.on("data", (chunk) => {
    received += chunk.length;
  });
  socket.resume();
  await closed;
  expect(received).toBeLessThan(60_000 * 400);
});

test("a reader that takes nothing for too long is cut off, though nothing is lost yet", async () => {
  const admin = await startAdmin({}, { ring: { requests: 100_000, others: 10 }, streams: { ...QUICK, stallMs: 200 } });
  const socket = await followWithoutReading(admin);
  const closed = once(socket, "close");
  for (let i = 0; i < 60_000; i++) {
    admin.bus.emit(requestCompleted({ id: `${"x".repeat(100)}${i}` }));
    if (i % 500 === 0) await setImmediate();
  }
  await expect.poll(() => connections(admin), { timeout: 10_000 }).toBe(0);
  socket.resume();
  await closed;
});

/** Streams the server still holds: with 64 of them, one more is refused. */
async function connections(admin: TestAdmin): Promise<number> {
  const opened = await Promise.all(Array.from({ length: 64 }, () => admin.ask(EVENTS)));
  for (const response of opened) await response.body?.cancel();
  return opened.filter(({ status }) => status === 503).length;
}

test("there is room for 64 streams, and room again when readers leave", async () => {
  const admin = await startAdmin({}, { streams: QUICK });
  const streams = await Promise.all(Array.from({ length: 64 }, () => follow(admin)));
  expect(await api(admin, "/events")).toMatchObject({
    status: 503,
    body: { type: "urn:outrigger:problem:too-many-streams" },
  });
  await Promise.all(streams.map((stream) => stream.cancel()));
  await expect
    .poll(async () => {
      const response = await admin.ask(EVENTS);
      await response.body?.cancel();
      return response.status;
    })
    .toBe(200);
});

test("closing the listener ends its streams", async () => {
  const admin = await startAdmin();
  const stream = await follow(admin);
  const end = stream.next();
  await admin.close();
  expect(await end).toBeNull();
});
