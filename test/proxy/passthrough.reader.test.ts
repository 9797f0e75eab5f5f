import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { createManualClock, type ManualClock } from "../help/manual-clock.ts";
import type { PassthroughHost } from "../help/passthrough.ts";
import { HEAD, setUp as passing, until } from "./passthrough.rig.ts";

/** Callers that read slowly, not yet, or no more. */

/** With the listener's look at callers that stand still. */
const setUp = (answer: Parameters<typeof passing>[0], options: Parameters<typeof passing>[1]) =>
  passing(answer, { ...options, dropsStalled: true });

/** Enough of them for what has ended to be told. */
async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Nobody reads: in a while every buffer on the way is full, and this number above 0 moves no more. */
async function standsStill(count: () => number): Promise<void> {
  let still = 0;
  let last = 0;
  await until(() => {
    const now = count();
    still = now === last ? still + 1 : 0;
    last = now;
    return now > 0 && still > 500;
  });
}

const MIB = 1024 * 1024;
const LARGE_BYTES = 32 * MIB;
const PIECE_BYTES = 60 * 1024;
const PIECES = 300;
const answerOf = (bytes: number): Buffer =>
  Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`), Buffer.alloc(bytes)]);

/** What stands still is seen so much late at most. */
const LOOK_MS = 15_000;

/** No relay has a timer any more, nor, with its callers gone, the listener. */
async function nothingLeft(clock: ManualClock, me: Socket, host: PassthroughHost): Promise<void> {
  me.destroy();
  while ((await host.connections()) > 0) await turns(1);
  await turns();
  clock.advance(LOOK_MS);
  expect(clock.pending()).toBe(0);
}

test("a caller that stops reading is dropped, and it is not the app's failure", async () => {
  const clock = createManualClock();
  let app: Socket | undefined;
  const { upstream, host } = await setUp(
    (_request, socket) => {
      app = socket;
      return { bytes: Buffer.concat([Buffer.from("HTTP/1.1 200 OK\r\n\r\n"), Buffer.alloc(32 * 1024 * 1024)]) };
    },
    { clock, idleMs: 300_000 },
  );
  const socket = connect(host.port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => undefined);
  socket.write(`${HEAD}\r\n`);
  await once(socket, "readable");
  await standsStill(() => app?.writableLength ?? 0);
  // Not for as long as a silent app would be waited for.
  clock.advance(59_999);
  await turns();
  expect(host.results).toEqual([]);
  clock.advance(LOOK_MS + 1);
  expect((await host.ended(1))[0]?.fault).toMatchObject({ aborted: true, detail: "the caller went away" });
  await upstream.idle();
  // With a reset: the kernel keeps nothing of the answer for it.
  const broken = once(socket, "error");
  socket.resume();
  expect(await broken).toMatchObject([{ code: "ECONNRESET" }]);
});

/** Reads `bytes`, eight seconds for each MiB: no kernel holds as many of them as would be too long a wait. */
async function readSlowly(socket: Socket, bytes: number, clock: ManualClock): Promise<void> {
  let taken = 0;
  socket.on("data", (piece: Buffer) => {
    if (Math.floor((taken + piece.length) / MIB) > Math.floor(taken / MIB)) clock.advance(8_000);
    taken += piece.length;
    socket.pause();
    setImmediate(() => socket.resume());
  });
  socket.resume();
  await until(() => taken >= bytes || socket.destroyed);
}

test("a caller that reads now and then has its whole answer, however long that takes", async () => {
  const clock = createManualClock();
  const { host } = await setUp(() => ({ bytes: answerOf(LARGE_BYTES) }), { clock });
  const socket = connect(host.port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => undefined);
  socket.write(`${HEAD}\r\n`);
  await readSlowly(socket, LARGE_BYTES, clock);
  expect((await host.ended(1))[0]?.fault).toBeNull();
  expect(clock.now()).toBeGreaterThan(120_000);
});

test("so it has where nothing but the bytes taken shows that it reads", async () => {
  const clock = createManualClock();
  // Ahead of the answer goes so much that no `drain` comes before the end.
  const { host } = await setUp(() => ({ bytes: answerOf(2) }), { clock, ahead: Buffer.alloc(LARGE_BYTES) });
  const socket = connect(host.port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => undefined);
  socket.write(`${HEAD}\r\n`);
  await readSlowly(socket, LARGE_BYTES + 2, clock);
  expect((await host.ended(1))[0]?.fault).toBeNull();
  expect(clock.now()).toBeGreaterThan(120_000);
});

/** A caller with three requests on one connection; the app leaves the first open and answers the others at once. */
async function pipeline() {
  const clock = createManualClock();
  const apps = new Map<string, Socket>();
  const { upstream, host } = await setUp(
    ({ line }, socket) => {
      const path = line.split(" ")[1] ?? "";
      apps.set(path, socket);
      return path === "/first" ? null : { bytes: answerOf(path === "/small" ? 2 : LARGE_BYTES) };
    },
    { clock, timeoutMs: 900_000, idleMs: 900_000 },
  );
  const me = connect(host.port, "127.0.0.1").pause();
  onTestFinished(() => void me.destroy());
  me.on("error", () => undefined);
  for (const path of ["/first", "/small", "/large"]) me.write(`GET ${path} HTTP/1.1\r\nHost: wire.example\r\n\r\n`);
  await upstream.received(3);
  const large = apps.get("/large") as Socket;
  await standsStill(() => large.writableLength);
  return { clock, host, me, upstream, large, first: apps.get("/first") as Socket };
}

test("answers that wait behind another of their connection are not taken for unread ones", async () => {
  const { clock, host, me, first } = await pipeline();
  clock.advance(600_000);
  await turns();
  expect(host.results).toEqual([]);
  first.write(answerOf(2));
  me.resume();
  expect((await host.ended(3)).map(({ fault }) => fault)).toEqual([null, null, null]);
  await nothingLeft(clock, me, host);
});

test("one of them that is not read when its turn has come is dropped", async () => {
  const { clock, host, me, first, large, upstream } = await pipeline();
  clock.advance(600_000);
  first.write(answerOf(2));
  await host.ended(2);
  await standsStill(() => large.writableLength);
  clock.advance(59_999);
  await turns();
  expect(host.results).toHaveLength(2);
  clock.advance(LOOK_MS + 1);
  expect((await host.ended(3))[2]?.fault).toMatchObject({ aborted: true, detail: "the caller went away" });
  upstream.hangUp();
  await nothingLeft(clock, me, host);
});

test("all of them end at once when their caller leaves", async () => {
  const { clock, host, me } = await pipeline();
  me.destroy();
  const faults = (await host.ended(3)).map(({ fault }) => fault);
  for (const fault of faults) expect(fault).toMatchObject({ aborted: true, detail: "the caller went away" });
  await nothingLeft(clock, me, host);
});

test("so is one that was whole before its turn came", async () => {
  const clock = createManualClock();
  let first: Socket | undefined;
  const { upstream, host } = await setUp(
    ({ line }, socket) => {
      if (!line.includes("/first ")) return { bytes: answerOf(PIECE_BYTES) };
      first = socket;
      return null;
    },
    { clock, timeoutMs: 900_000, connections: PIECES + 1 },
  );
  const me = connect(host.port, "127.0.0.1").pause();
  onTestFinished(() => void me.destroy());
  me.on("error", () => undefined);
  const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: wire.example\r\n\r\n`;
  me.write(get("/first") + get("/piece").repeat(PIECES));
  await upstream.received(PIECES + 1);
  await turns(500);
  first?.write(answerOf(2));
  // The kernel takes some of them, and holds up the next.
  await standsStill(() => host.results.length);
  const taken = host.results.length;
  expect(taken).toBeLessThan(PIECES);
  clock.advance(60_000 + LOOK_MS);
  const results = await host.ended(PIECES + 1);
  expect(results.slice(0, taken).every(({ fault }) => fault === null)).toBe(true);
  expect(results[taken]?.fault).toMatchObject({ aborted: true, detail: "the caller went away" });
  await nothingLeft(clock, me, host);
});
