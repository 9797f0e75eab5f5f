import { expect, test } from "vitest";
import { caller, HELD_MODES, head, startWire } from "./wire.ts";

/** Callers who go away: the app is let go of at once, and what was stored goes on. */

const MANY = 50;

test.each(HELD_MODES)(
  "%s: callers who leave before the answer take every connection to the app along",
  async (mode) => {
    const { upstream, sidecar, port } = await startWire({ answer: () => null });
    const callers = Array.from({ length: MANY }, (_, i) =>
      caller(port, `${head("POST", `/${mode}/${i}`, "Content-Length: 2")}hi`),
    );
    await upstream.received(MANY);
    expect(upstream.connections()).toBe(MANY);
    for (const { socket } of callers) socket.destroy();
    await upstream.idle();
    await sidecar.event("request.completed");
    const ended = sidecar.events.filter((event) => event.type === "request.completed");
    for (const event of ended) expect(event).toMatchObject({ outcome: "aborted", attempts: [{ worth: "ignored" }] });
  },
);

test.each(HELD_MODES)("%s: one who leaves in the midst of the answer takes the connection along", async (mode) => {
  const half = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf";
  const { upstream, port } = await startWire({ answer: () => ({ bytes: half }) });
  const { socket } = caller(port, head("GET", `/${mode}/x`));
  await upstream.received(1);
  socket.destroy();
  await upstream.idle();
});

test("one who leaves in the midst of the body: the app sees nothing of it, or no whole request where it streams", async () => {
  const { upstream, sidecar, port } = await startWire();
  for (const mode of ["sync", "async", "passthrough"]) {
    const { socket } = caller(port, `${head("POST", `/${mode}/x`, "Content-Length: 9")}half`);
    if (mode === "passthrough") while (!upstream.saw().includes("half")) await new Promise(setImmediate);
    else while (sidecar.app.inFlight() === 0) await new Promise(setImmediate);
    if (mode !== "passthrough") expect(upstream.saw().length).toBe(0);
    socket.destroy();
    await sidecar.event("request.completed", (event) => event.route.mode === mode && event.outcome === "aborted");
  }
  await upstream.idle();
  expect(upstream.requests()).toEqual([]);
  expect(sidecar.app.heldBytes()).toBe(0);
});

test("async: what was taken is sent, though its caller did not wait to hear of it", async () => {
  const { upstream, port } = await startWire();
  const { socket } = caller(port);
  socket.write(`${head("POST", "/async/x", "Content-Length: 2")}hi`, () => socket.destroy());
  await upstream.received(1);
  expect(upstream.requests().map(({ line, body }) => [line, body.toString()])).toEqual([
    ["POST /async/x HTTP/1.1", "hi"],
  ]);
});
