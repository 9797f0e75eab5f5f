import { setImmediate } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import type { StreamTimes } from "../../src/admin/follow.ts";
import type { AdminServerOptions } from "../../src/admin/server.ts";
import { api, apiAsViewer, OPERATOR, startAdmin, type TestAdmin, VIEWER } from "../help/admin.ts";
import { breakerMoved, fallbackUsed, requestCompleted } from "../help/events.ts";
import { createManualClock } from "../help/manual-clock.ts";
import { readMessages } from "../help/sse.ts";
import { type EventSocket, openEvents } from "../help/websocket.ts";

const WS = "/api/v1/admin/events/ws";
const BY_OPERATOR = { Authorization: `Bearer ${OPERATOR}` };
const QUICK: StreamTimes = { heartbeatMs: 50, stallMs: 60_000, gatherMs: 1 };

/** Follows, or fails the test where it was refused. */
async function follow(admin: TestAdmin, query = "", headers: Record<string, string> = BY_OPERATOR) {
  const opened = await openEvents(`${admin.url}${WS}${query}`, headers);
  expect(opened).toHaveProperty("socket");
  const events = opened as EventSocket;
  onTestFinished(() => events.socket.terminate());
  return events;
}

async function ticketOf(admin: TestAdmin, body: object): Promise<string> {
  const issued = await api(admin, "/events/tickets", body);
  expect(issued.status).toBe(201);
  return String(issued.body.ticket);
}

const inRoom = (room: string) => fallbackUsed({ labels: { room } });

test("a WebSocket gets the events that pass its filter, each with an id to resume from", async () => {
  const admin = await startAdmin();
  const events = await follow(admin, "?room=42&type=fallback.used", { Authorization: `Bearer ${VIEWER}` });
  for (const event of [inRoom("41"), breakerMoved(), inRoom("42")]) admin.bus.emit(event);
  const [message] = await events.take(1);
  expect(message).toEqual({
    id: expect.stringMatching(/^[0-9a-z]+-3$/),
    type: "fallback.used",
    data: expect.objectContaining({ app: "quiz", capability: "winner", reason: "timeout", labels: { room: "42" } }),
  });
  events.socket.close();
  await events.closed;
  admin.bus.emit(inRoom("42"));
  const again = await follow(admin, `?room=42&last_event_id=${String(message?.id)}`);
  expect(await again.take(1)).toMatchObject([{ type: "fallback.used" }]);
  const lost = await follow(admin, "?last_event_id=nonsense");
  expect(await lost.take(1)).toEqual([{ type: "gap", after: "nonsense" }]);
});

test.each([
  ["no token", {}, 401],
  ["a wrong token", { Authorization: "Bearer wrong" }, 401],
  ["a page of another origin", { ...BY_OPERATOR, Origin: "https://evil.example" }, 403],
  ["a name that is not the listener's", { ...BY_OPERATOR, Host: "evil.example" }, 421],
])("%s opens no WebSocket, and is told why as everywhere else", async (_what, headers, status) => {
  const admin = await startAdmin();
  expect(await openEvents(`${admin.url}${WS}`, headers as Record<string, string>)).toMatchObject({
    status,
    body: { status, type: expect.stringMatching(/^urn:outrigger:problem:/) },
  });
});

test("a filter that is none is refused, a plain request told what to ask for, another path not upgraded", async () => {
  const admin = await startAdmin();
  expect(await openEvents(`${admin.url}${WS}?type=nonsense`, BY_OPERATOR)).toMatchObject({ status: 400 });
  expect(await api(admin, "/events/ws")).toMatchObject({
    status: 426,
    body: { type: "urn:outrigger:problem:upgrade-required" },
  });
  expect(await openEvents(`${admin.url}/api/v1/admin/nothing`, BY_OPERATOR)).toMatchObject({ status: 404 });
});

test("a ticket lets a page of any origin follow its room, in both forms, and nothing else", async () => {
  const admin = await startAdmin();
  const ticket = await ticketOf(admin, { app: "quiz", room: "42", ttl: "5m" });
  const page = { Origin: "https://rooms.example" };
  const socket = await follow(admin, `?ticket=${ticket}`, page);
  const response = await fetch(`${admin.url}/api/v1/admin/events?ticket=${ticket}`, { headers: page });
  expect(response.headers.get("access-control-allow-origin")).toBe("*");
  const stream = readMessages(response);
  onTestFinished(() => stream.cancel());
  const shop = { app: "shop", capability: "order", key: "shop/order", mode: "sync" } as const;
  for (const event of [
    inRoom("41"),
    breakerMoved(),
    fallbackUsed({ route: shop, labels: { room: "42" } }),
    inRoom("42"),
  ])
    admin.bus.emit(event);
  for (const [message] of [await socket.take(1), await stream.take(1)])
    expect(message?.data).toMatchObject({ type: "fallback.used", app: "quiz", labels: { room: "42" } });

  // Nor with a token beside it: where a ticket is shown, only the ticket counts.
  for (const path of ["/status", "/notifications", "/events/tickets"])
    expect((await fetch(`${admin.url}/api/v1/admin${path}?ticket=${ticket}`, { headers: page })).status).not.toBe(200);
  for (const query of ["room=41", "app=shop"])
    expect((await fetch(`${admin.url}/api/v1/admin/events?ticket=${ticket}&${query}`)).status).toBe(403);
});

test("a ticket may be narrowed to types it has, and says nothing of others", async () => {
  const admin = await startAdmin();
  const ticket = await ticketOf(admin, { room: "42", type: ["fallback.used"] });
  const events = await follow(admin, `?ticket=${ticket}&type=fallback.used,request.completed`, {});
  admin.bus.emit(requestCompleted({ labels: { room: "42" } }));
  admin.bus.emit(inRoom("42"));
  expect(await events.take(1)).toMatchObject([{ type: "fallback.used" }]);
});

test("a ticket ends with its time, and so does whoever follows by it", async () => {
  const clock = createManualClock();
  const admin = await startAdmin({ clock });
  const ticket = await ticketOf(admin, { room: "42", ttl: 60_000 });
  const events = await follow(admin, `?ticket=${ticket}`, {});
  clock.advance(59_999);
  expect(events.socket.readyState).toBe(events.socket.OPEN);
  clock.advance(1);
  expect(await events.closed).toBe(1001);
  expect(await openEvents(`${admin.url}${WS}?ticket=${ticket}`)).toMatchObject({ status: 401 });
});

test.each([
  ["a ticket for everything", {}],
  ["one for longer than a day", { room: "42", ttl: "25h" }],
  ["one for no time", { room: "42", ttl: 0 }],
  ["one with a key that is none", { room: "42", path: "/status" }],
])("%s is not issued", async (_what, body) => {
  const admin = await startAdmin();
  expect(await api(admin, "/events/tickets", body)).toMatchObject({ status: 400 });
});

test("a viewer may issue tickets, which show no more than a viewer sees; there are a thousand at most", async () => {
  const admin = await startAdmin();
  const asViewer = await admin.ask("/api/v1/admin/events/tickets", {
    method: "POST",
    headers: { Authorization: `Bearer ${VIEWER}`, "Content-Type": "application/json" },
    body: JSON.stringify({ room: "1" }),
  });
  expect(asViewer.status).toBe(201);
  for (let i = 1; i < 1000; i++) await ticketOf(admin, { room: "1" });
  expect(await api(admin, "/events/tickets", { room: "1" })).toMatchObject({ status: 503 });
  expect((await apiAsViewer(admin, "/status")).status).toBe(200);
});

test("a client that answers no ping is cut off, one that does stays", async () => {
  const admin = await startAdmin({}, { streams: QUICK });
  const good = await follow(admin);
  const opened = await openEvents(`${admin.url}${WS}`, BY_OPERATOR);
  const mute = opened as EventSocket;
  mute.socket.pong = () => undefined;
  mute.socket.removeAllListeners("ping");
  Object.assign(mute.socket, { _autoPong: false });
  await mute.closed;
  admin.bus.emit(breakerMoved());
  expect(await good.take(1)).toMatchObject([{ type: "breaker.opened" }]);
});

test("a client that says too much is cut off, and one that reads nothing does not hold up the others", async () => {
  const options: AdminServerOptions = { ring: { requests: 1000, others: 10 } };
  const admin = await startAdmin({}, options);
  const talker = await follow(admin);
  talker.socket.send("x".repeat(2000));
  expect(await talker.closed).toBe(1009);
  const stalled = await follow(admin);
  const reading = await follow(admin, "?type=breaker.opened");
  stalled.socket.pause();
  for (let i = 0; i < 60_000; i++) {
    admin.bus.emit(requestCompleted({ id: `${"x".repeat(100)}${i}` }));
    if (i % 500 === 0) await setImmediate();
  }
  admin.bus.emit(breakerMoved());
  expect(await reading.take(1)).toMatchObject([{ type: "breaker.opened" }]);
  stalled.socket.resume();
  await stalled.closed;
});

test("closing the listener closes its WebSockets", async () => {
  const admin = await startAdmin();
  const events = await follow(admin);
  await admin.close();
  expect(await events.closed).toBe(1001);
});
