import { expect, test } from "vitest";
import { rawExchange, statusOf, values } from "../help/raw.ts";
import { caller, HELD_MODES, head, MODES, startWire, until } from "./wire.ts";

/** Requests one after the other on a connection, without waiting for answers. */

const GOOD = (mode: string): string => `${head("POST", `/${mode}/second`, "Content-Length: 2")}hi`;

test.each(MODES)("%s: after a refusal that closes the connection nothing more of it is served", async (mode) => {
  const { upstream, port } = await startWire();
  const refused = [
    `${head("POST", `/${mode}/x`, "Host: twice.example", "Content-Length: 2")}hi`,
    head("GET", `/${mode}/../x`),
    `${head("POST", `/${mode}/x`, "Transfer-Encoding: ,chunked")}0\r\n\r\n`,
    head("POST", `/${mode}/x`, "Expect: magic", "Content-Length: 0"),
    head("TRACE", `/${mode}/x`),
  ];
  for (const bytes of refused) {
    const reply = await rawExchange(port, bytes + GOOD(mode) + GOOD(mode));
    expect(reply.messages).toHaveLength(1);
    expect([400, 405, 417]).toContain(statusOf(reply.messages[0]));
    expect(reply.closed).toBe(true);
  }
  await rawExchange(port, head("GET", "/sync/last"), { responses: 1 });
  await upstream.received(1);
  expect(upstream.requests().map(({ line }) => line)).toEqual(["GET /sync/last HTTP/1.1"]);
});

test.each(HELD_MODES)("%s: a handshake behind a request that still waits is an ordinary request", async (mode) => {
  const { upstream, port } = await startWire({ answer: () => null });
  const fields = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: AAAA"];
  const me = caller(port, head("GET", `/${mode}/first`) + head("GET", "/passthrough/second", ...fields));
  await upstream.received(2);
  expect(upstream.requests().flatMap((request) => values(request, "upgrade"))).toEqual([]);
  me.socket.destroy();
  await upstream.idle();
});

test.each(HELD_MODES)("%s: CONNECT behind a request that still waits ends the connection", async (mode) => {
  const { upstream, port, sidecar } = await startWire({ answer: () => null });
  const me = caller(port, head("GET", `/${mode}/x`));
  await upstream.received(1);
  me.socket.write("CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n");
  expect(await me.closed).toBe("");
  await upstream.idle();
  await until(() => sidecar.app.inFlight() === 0);
});
