import type { ServerResponse } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { MAX_WAITING } from "../../src/notify/queue.ts";
import { type Behaviour, hang, json, startTestApp, type TestApp } from "../help/app.ts";
import { fallbackUsed, upstreamMoved } from "../help/events.ts";
import { createNotifyRig, httpChannel, type NotifyRig } from "../help/notify.ts";

async function start(first?: Behaviour): Promise<{ readonly app: TestApp; readonly rig: NotifyRig }> {
  const app = await startTestApp(first);
  const rig = createNotifyRig();
  onTestFinished(async () => {
    await app.stop();
    await rig.notifier[Symbol.asyncDispose]();
  });
  return { app, rig };
}

const reset: Behaviour = (_got, res) => res.socket?.resetAndDestroy();
const TO = "{event:to}";
const urls = (app: TestApp): string[] => app.got.map(({ url }) => url);

test("a 500 and a reset connection are tried again after growing waits, and then it is told", async () => {
  const { app, rig } = await start(json(500, {}));
  rig.apply([httpChannel({ url: app.url })]);
  rig.notifier.record(upstreamMoved());
  await rig.repeat(1);
  app.behave(reset);
  rig.clock.advance(1000);
  await rig.repeat(2);
  app.behave(json(204, null));
  rig.clock.advance(2000);
  expect(await rig.line(1)).toMatchObject({ level: "info", fields: { status: 204, attempts: 3, ms: 3000 } });
  expect(app.got).toHaveLength(3);
  expect(rig.counts).toEqual({ "hook sent": 1 });
});

test.each([408, 425, 429, 503])("%i is tried again until the tries are over, and that is said", async (status) => {
  const { app, rig } = await start(json(status, { error: "not now" }));
  rig.apply([httpChannel({ url: app.url })]);
  rig.notifier.record(upstreamMoved());
  await rig.repeat(1);
  rig.clock.advance(1000);
  await rig.repeat(2);
  rig.clock.advance(2000);
  expect(await rig.line(1)).toMatchObject({
    level: "error",
    message: `could not tell hook of failover of quiz: answered ${status}`,
    fields: { status, attempts: 3, answer: '{"error":"not now"}' },
  });
  expect(app.got).toHaveLength(3);
  expect(rig.counts).toEqual({ "hook failed": 1 });
});

test("an endpoint that is not there is tried again, too", async () => {
  const { app, rig } = await start();
  await app.stop();
  rig.apply([httpChannel({ url: app.url, retry: { attempts: 2, initialMs: 1, maxMs: 1 } })]);
  rig.notifier.record(upstreamMoved());
  await rig.repeat(1);
  rig.clock.advance(1000);
  expect((await rig.line(1)).fields).toMatchObject({ attempts: 2, detail: "connection failed: ECONNREFUSED" });
});

test("Retry-After is not shortened, up to five minutes", async () => {
  const { app, rig } = await start(json(429, {}, { "Retry-After": "7" }));
  rig.apply([httpChannel({ url: app.url })]);
  rig.notifier.record(upstreamMoved());
  await rig.repeat(1);
  app.behave(json(503, {}, { "Retry-After": "86400" }));
  rig.clock.advance(6999);
  expect(rig.clock.pending()).toBe(1);
  rig.clock.advance(1);
  await rig.repeat(2);
  app.behave(json(200, {}));
  rig.clock.advance(300_000);
  expect((await rig.line(1)).fields).toMatchObject({ status: 200, attempts: 3, ms: 307_000 });
});

test("a channel is told one thing after the other, in order, also while one is tried again", async () => {
  const { app, rig } = await start(json(500, {}));
  rig.apply([httpChannel({ url: `${app.url}/${TO}` })]);
  for (const to of ["a", "b", "c"]) rig.notifier.record(upstreamMoved({ to }));
  await rig.repeat(1);
  app.behave(json(200, {}));
  rig.clock.advance(1000);
  await rig.line(3);
  expect(urls(app)).toEqual(["/a", "/a", "/b", "/c"]);
});

test("a channel that hangs keeps no other waiting", async () => {
  const { app, rig } = await start((got, res) => (got.url === "/slow" ? undefined : res.end()));
  rig.apply(
    [httpChannel({ name: "slow", url: `${app.url}/slow` }), httpChannel({ name: "quick", url: `${app.url}/quick` })],
    [{ on: ["failover"], apps: ["quiz"], to: ["slow", "quick"] }],
  );
  rig.notifier.record(upstreamMoved());
  expect((await rig.line(1)).fields).toMatchObject({ channel: "quick" });
});

test("too many waiting: the oldest make room, are counted, and one line says how many", async () => {
  const held: ServerResponse[] = [];
  const { app, rig } = await start((_got, res) => void held.push(res));
  rig.apply([httpChannel({ url: `${app.url}/${TO}` })]);
  rig.notifier.record(upstreamMoved({ to: "first" }));
  await app.received(1);
  for (let i = 0; i < MAX_WAITING + 3; i++) rig.notifier.record(upstreamMoved({ to: `n${i}` }));
  expect(rig.counts).toEqual({ "hook dropped": 3 });
  app.behave(json(200, {}));
  for (const res of held) res.end();
  await rig.line(MAX_WAITING + 2);
  expect(urls(app)).toEqual(["/first", ...Array.from({ length: MAX_WAITING }, (_, i) => `/n${i + 3}`)]);
  expect(rig.counts).toEqual({ "hook dropped": 3, "hook sent": MAX_WAITING + 1 });
  expect(rig.lines.filter(({ level }) => level === "warn")).toEqual([
    { level: "warn", fields: { channel: "hook", dropped: 3, waiting: MAX_WAITING }, message: expect.any(String) },
  ]);
});

test("after a reload new events go by the new settings, and what waits by those of its time", async () => {
  const { app, rig } = await start(json(500, {}));
  rig.apply([httpChannel({ url: `${app.url}/old/${TO}` })]);
  rig.notifier.record(upstreamMoved({ to: "a" }));
  rig.notifier.record(upstreamMoved({ to: "b" }));
  await rig.repeat(1);
  rig.apply([httpChannel({ url: `${app.url}/new/${TO}` })]);
  rig.notifier.record(upstreamMoved({ to: "c" }));
  app.behave(json(200, {}));
  rig.clock.advance(1000);
  await rig.line(3);
  expect(urls(app)).toEqual(["/old/a", "/old/a", "/old/b", "/new/c"]);
});

test("a channel that a reload takes away hears of nothing new", async () => {
  const { app, rig } = await start();
  rig.apply([httpChannel({ name: "gone", url: `${app.url}/gone` })]);
  rig.apply([httpChannel({ name: "left", url: `${app.url}/left` })]);
  rig.notifier.record(upstreamMoved());
  await rig.line(1);
  expect(urls(app)).toEqual(["/left"]);
});

test("fallbacks are told in groups, with a count", async () => {
  const { app, rig } = await start();
  rig.apply([httpChannel({ url: app.url, body: { n: "{event:count}", room: "{label:room}" } })]);
  for (let i = 0; i < 5; i++) rig.notifier.record(fallbackUsed({ labels: { room: "7" } }));
  await rig.line(1);
  rig.clock.advance(60_000);
  await rig.line(2);
  expect(app.got.map(({ body }) => JSON.parse(String(body)))).toEqual([
    { n: 1, room: "7" },
    { n: 4, room: "7" },
  ]);
});

test("a stop lets what is under way end, and says what was never sent", async () => {
  const held: ServerResponse[] = [];
  const { app, rig } = await start((_got, res) => void held.push(res));
  rig.apply([httpChannel({ url: app.url })]);
  for (let i = 0; i < 3; i++) rig.notifier.record(upstreamMoved());
  rig.notifier.record(upstreamMoved({ type: "failback" }));
  await app.received(1);
  const stopped = rig.notifier[Symbol.asyncDispose]();
  for (const res of held) res.end();
  await stopped;
  expect(rig.lines).toEqual([
    {
      level: "error",
      fields: { channel: "hook", unsent: 3, about: { failover: 2, failback: 1 } },
      message: "stopping: hook was not told of everything",
    },
    expect.objectContaining({ level: "info", message: "told hook of failover of quiz" }),
  ]);
  rig.notifier.record(upstreamMoved());
  expect(rig.counts).toEqual({ "hook dropped": 3, "hook sent": 1 });
  expect(app.got).toHaveLength(1);
  await rig.notifier[Symbol.asyncDispose]();
});

test("a stop waits a second for an endpoint that hangs, and for no backoff at all", async () => {
  const { app, rig } = await start(hang);
  rig.apply([httpChannel({ url: app.url })]);
  rig.notifier.record(upstreamMoved());
  await app.received(1);
  const stopped = rig.notifier[Symbol.asyncDispose]();
  rig.clock.advance(1000);
  await stopped;
  expect(await rig.line(1)).toMatchObject({ level: "error", fields: { detail: "cut off: outrigger is stopping" } });

  const other = await start(json(500, {}));
  other.rig.apply([httpChannel({ url: other.app.url })]);
  other.rig.notifier.record(upstreamMoved());
  await other.rig.repeat(1);
  await other.rig.notifier[Symbol.asyncDispose]();
  expect(other.rig.lines).toMatchObject([{ level: "error", fields: { status: 500, attempts: 1 } }]);
  expect(other.rig.clock.pending()).toBe(0);
});

test("the call that sends an event does none of the work: nothing of it shows in the same turn of the loop", async () => {
  const { app, rig } = await start();
  rig.apply([httpChannel({ url: app.url })]);
  rig.notifier.record(upstreamMoved());
  await Promise.resolve();
  expect(rig.clock.pending()).toBe(0);
  await rig.line(1);
  expect(app.got).toHaveLength(1);
});
