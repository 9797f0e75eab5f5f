import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { createManualClock } from "../help/manual-clock.ts";
import { startPassthrough } from "../help/passthrough.ts";
import { startPeer } from "../help/peers.ts";

/** WebSockets of which one side takes nothing any more. */

const HANDSHAKE = "GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const SWITCHES = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const PIECE = Buffer.alloc(256 * 1024, "x");

const IDLE_MS = 30_000;
const TOTAL_MS = 100_000;

async function setUp() {
  const clock = createManualClock();
  let app: Socket | undefined;
  const peer = await startPeer((socket) => {
    app = socket;
    // It says yes, and reads no more.
    socket.once("data", () => socket.pause().write(SWITCHES));
  });
  onTestFinished(() => peer.stop());
  const host = await startPassthrough(peer.port, { clock, idleMs: IDLE_MS, totalMs: TOTAL_MS });
  onTestFinished(() => host.stop());
  const me = connect(host.port, "127.0.0.1");
  onTestFinished(() => void me.destroy());
  me.on("error", () => undefined).write(HANDSHAKE);
  await once(me, "data");
  return { clock, host, me, app: app as Socket };
}

/** Sends until every buffer on the way is full, and nothing moves. */
async function fill(from: Socket): Promise<void> {
  let still = 0;
  let left = -1;
  while (still < 200) {
    if (from.writableLength === 0) from.write(PIECE);
    still = from.writableLength > 0 && from.writableLength === left ? still + 1 : 0;
    left = from.writableLength;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Resolves once the other side is gone: only who speaks hears that, where nobody reads. */
async function gone(socket: Socket): Promise<void> {
  while (!socket.destroyed) {
    if (socket.writableLength === 0) socket.write("tick");
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test.each([
  ["the idle limit", IDLE_MS],
  ["the total", TOTAL_MS],
])("an app that reads no more is let go at %s, whatever waits for it", async (_name, ms) => {
  const { clock, host, me, app } = await setUp();
  await fill(me);
  clock.advance(ms);
  expect((await host.ended(1))[0]?.fault).toMatchObject({ reason: "timeout" });
  await gone(app);
  expect(clock.pending()).toBe(0);
});

test("an app that reads no more is let go at a stop", async () => {
  const { clock, host, me, app } = await setUp();
  await fill(me);
  host.close();
  await gone(app);
  expect(clock.pending()).toBe(0);
});

/** Resets the caller. Nobody reads what it says, so that it left is heard when the app speaks. */
async function leave({ me, app, host }: Awaited<ReturnType<typeof setUp>>): Promise<void> {
  me.resetAndDestroy();
  while (host.results.length === 0) {
    if (app.writableLength === 0) app.write("tick");
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(host.results[0]?.fault).toMatchObject({ aborted: true, detail: "the caller went away" });
}

test("an app that reads no more is let go a second after its caller has left", async () => {
  const all = await setUp();
  const { clock, me, app } = all;
  await fill(me);
  await leave(all);
  clock.advance(999);
  expect(clock.pending()).toBe(1);
  clock.advance(1);
  await gone(app);
  expect(clock.pending()).toBe(0);
});

test("an app that reads again within that second gets what was on its way, and an end that is none by force", async () => {
  const all = await setUp();
  const { clock, me, app } = all;
  await fill(me);
  await leave(all);
  app.write(PIECE);
  let read = 0;
  app.on("data", (piece: Buffer) => {
    read += piece.length;
  });
  app.resume();
  // Rejects where the connection is reset.
  await once(app, "end");
  expect(read).toBeGreaterThan(0);
  expect(clock.pending()).toBe(0);
});
