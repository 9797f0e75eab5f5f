import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import type { ServerTls } from "../../src/proxy/listener.tls.ts";
import { openListener } from "../../src/proxy/listener.ts";
import { createCertificate } from "../help/certificate.ts";
import { rawExchange, statusOf } from "../help/raw.ts";
import { LIMITS } from "./limits.ts";
import { caller, head, MODES, startWire, until } from "./wire.ts";

/** Callers who take their time: each has as much as is said, and none is in the way of others. */

const SHORT = "limits: { headers_timeout: 300ms, request_timeout: 600ms }";

// Node looks for late callers once a second: those of all modes wait for the same look.
test("a head that does not end in time is 408 in every mode, and the app hears nothing", async () => {
  const { upstream, port } = await startWire({ root: SHORT });
  const late = MODES.map((mode) => caller(port, `GET /${mode}/x HTTP/1.1\r\nHost: wire.example\r\nX-Slow: `));
  for (const { closed } of late) expect(await closed).toMatch(/^HTTP\/1\.1 408 .*Connection: close/s);
  expect(upstream.saw().length).toBe(0);
});

test("a body that does not end in time is 408 in every mode, and the app sees no whole request", async () => {
  const { upstream, port } = await startWire({ root: SHORT });
  const late = MODES.map((mode) => caller(port, `${head("POST", `/${mode}/x`, "Content-Length: 9")}slow`));
  for (const { closed } of late) expect(await closed).toMatch(/^HTTP\/1\.1 408 .*Connection: close/s);
  await upstream.idle();
  expect(upstream.requests()).toEqual([]);
  // Where bodies stream, the app may have the beginning of one; of the others it hears nothing.
  expect(upstream.saw().toString()).not.toMatch(/\/(?:sync|async)\/x/);
});

test("an idle connection is kept a little longer than announced", async () => {
  const { port } = await startWire();
  const reply = await rawExchange(port, head("GET", "/sync/x"), { responses: 1 });
  expect(reply.bytes.toString()).toContain("Keep-Alive: timeout=30\r\n");
});

/** A listener that answers with more than any kernel takes. */
async function startLavish(stalledMs: number, tls: ServerTls | null) {
  const listener = await openListener({
    address: { kind: "tcp", host: "127.0.0.1", port: 0 },
    tls,
    limits: () => LIMITS,
    handlers: {
      request: (_req, res) => void res.end(Buffer.alloc(32 * 1024 * 1024)),
      upgrade: () => undefined,
      upgrades: () => false,
    },
    refuser: { clock: systemClock, told: () => "test" },
    stalledMs,
  });
  onTestFinished(() => listener.close(0));
  return { listener, port: Number(listener.address.split(":").at(-1)) };
}

test.each([
  ["plain", null],
  ["with TLS", createCertificate("wire.example")],
])("a caller that stops reading, %s, is dropped once its answer has not moved for the limit", async (_name, tls) => {
  const { listener, port } = await startLavish(100, tls);
  const to = { port, host: "127.0.0.1" };
  const socket = tls === null ? connect(to) : connectTls({ ...to, rejectUnauthorized: false });
  onTestFinished(() => void socket.destroy());
  let broken: string | undefined;
  socket.on("error", (error: NodeJS.ErrnoException) => {
    broken = error.code;
  });
  socket.pause().write(head("GET", "/"));
  await until(() => listener.connections === 1);
  await until(() => listener.connections === 0);
  // With a reset: the kernel keeps nothing of the answer for it.
  socket.resume();
  await until(() => socket.destroyed);
  expect(broken).toBe("ECONNRESET");
});

const LARGE_BYTES = 16 * 1024 * 1024;
const LARGE = Buffer.concat([
  Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${LARGE_BYTES}\r\n\r\n`),
  Buffer.alloc(LARGE_BYTES),
]);

test("what a caller does not read of its answer counts as held, until it is read or the caller leaves", async () => {
  const { port, sidecar } = await startWire({ answer: () => ({ bytes: LARGE }), app: "response: { max: 64MiB }" });
  const stalled = connect(port, "127.0.0.1").pause();
  onTestFinished(() => void stalled.destroy());
  stalled.on("error", () => undefined).write(head("GET", "/sync/x"));
  await sidecar.event("request.completed");
  expect(sidecar.app.inFlight()).toBe(0);
  expect(sidecar.app.heldBytes()).toBe(LARGE_BYTES);
  stalled.resume();
  await until(() => sidecar.app.heldBytes() === 0);

  const leaving = connect(port, "127.0.0.1").pause();
  leaving.on("error", () => undefined).write(head("GET", "/sync/y"));
  await until(() => sidecar.app.heldBytes() === LARGE_BYTES && sidecar.app.inFlight() === 0);
  leaving.destroy();
  await until(() => sidecar.app.heldBytes() === 0);
});

const EACH = { heads: 480, bodies: 480, readers: 40 };
test("while 1,000 slow connections are held, every normal request is answered", { timeout: 90_000 }, async () => {
  const { upstream, port, sidecar } = await startWire({
    // Beyond what the slowest machine takes to connect them all: none may be told meanwhile that it is late.
    root: "limits: { headers_timeout: 120s, request_timeout: 120s, max_sync_timeout: 100s }",
    app: "timeout: 100s",
    answer: ({ line }) => ({
      bytes: line.includes("/large ") ? LARGE : "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    }),
  });
  const hold = async (bytes: string): Promise<Socket> => {
    const socket = connect(port, "127.0.0.1").pause();
    onTestFinished(() => void socket.destroy());
    socket.on("error", () => undefined);
    await once(socket, "connect");
    socket.write(bytes);
    return socket;
  };
  const mode = (i: number): string => MODES[i % MODES.length] as string;
  const heads = Array.from({ length: EACH.heads }, (_, i) => `POST /${mode(i)}/x HTTP/1.1\r\nHost: a\r\nX-Slow: `);
  const bodies = Array.from(
    { length: EACH.bodies },
    (_, i) => `${head("POST", `/${mode(i)}/x`, "Content-Length: 99")}slow`,
  );
  const readers = Array.from({ length: EACH.readers }, () => head("GET", "/passthrough/large"));
  const held = await Promise.all([...heads, ...bodies].map(hold));
  await until(() => sidecar.app.connections() === held.length);
  // Last, since who reads nothing is not held for long.
  held.push(...(await Promise.all(readers.map(hold))));
  await upstream.received(EACH.readers);
  expect(sidecar.app.connections()).toBe(held.length);
  for (let i = 0; i < 100; i++) {
    const reply = await rawExchange(port, head("GET", `/${mode(i)}/normal`), { responses: 1 });
    expect(reply.messages.map(statusOf)).toEqual([mode(i) === "async" ? 202 : 200]);
  }
  expect(held.every((socket) => !socket.destroyed)).toBe(true);
  for (const socket of held) socket.destroy();
  await until(() => sidecar.app.connections() === 0 && sidecar.app.inFlight() === 0);
  // The answer of a delivery may just be coming in.
  await until(() => sidecar.app.heldBytes() === 0);
});
