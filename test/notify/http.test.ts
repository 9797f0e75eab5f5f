import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { type Behaviour, hang, json, startTestApp, type TestApp } from "../help/app.ts";
import { createCertificate } from "../help/certificate.ts";
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

test("a failover calls the endpoint: method, URL, headers and body are filled in with the event", async () => {
  const { app, rig } = await start();
  rig.apply([
    httpChannel({
      method: "PATCH",
      url: `${app.url}/hooks/{event:app}/config?to={event:to}&room={label:room}`,
      headers: [
        ["Authorization", "Bearer abc"],
        ["X-Reason", "because {event:reason}"],
      ],
      body: {
        url: "{event:to_url}/hooks",
        left: "{event:from_url}",
        took: "{event:duration_ms}",
        said: "took {event:duration_ms} ms",
        by: "{event:by}",
        at: "{event:at}",
        list: ["{event:type}", 7, null, { "{event:app}": "{just} text" }],
      },
    }),
  ]);
  rig.notifier.record(upstreamMoved());
  expect(await rig.line(1)).toEqual({
    level: "info",
    fields: { channel: "hook", about: "failover", app: "quiz", status: 200, attempts: 1, ms: 0 },
    message: "told hook of failover of quiz",
  });
  const [got] = app.got;
  expect(got).toMatchObject({ method: "PATCH", url: "/hooks/quiz/config?to=backup&room=" });
  expect(got?.headers).toMatchObject({
    authorization: "Bearer abc",
    "x-reason": "because consecutive_failures",
    "content-type": "application/json",
    "user-agent": "outrigger",
  });
  expect(JSON.parse(String(got?.body))).toEqual({
    url: "http://10.0.0.6:9000/base/hooks",
    left: "http://10.0.0.5:9000",
    took: 812.346,
    said: "took 812.346 ms",
    by: "",
    at: "2026-01-01T00:00:00.000Z",
    list: ["failover", 7, null, { "{event:app}": "{just} text" }],
  });
  expect(rig.counts).toEqual({ "hook sent": 1 });
});

test("a move to nowhere points nothing there: what names where traffic goes is not called, and what does not, is", async () => {
  const { app, rig } = await start();
  rig.apply([httpChannel({ url: app.url, body: { url: "{event:to_url}/hooks" } })]);
  rig.notifier.record(upstreamMoved({ to: null }));
  expect(await rig.line(1)).toMatchObject({ level: "error", fields: { status: 0, attempts: 1 } });
  rig.apply([httpChannel({ url: app.url, body: { left: "{event:from_url}" } })]);
  rig.notifier.record(upstreamMoved({ to: null }));
  await rig.line(2);
  expect(app.got.map(({ body }) => JSON.parse(String(body)) as unknown)).toEqual([{ left: "http://10.0.0.5:9000" }]);
  expect(rig.counts).toEqual({ "hook failed": 1, "hook sent": 1 });
});

test("without a body of its own the event itself is sent, and GET sends none", async () => {
  const { app, rig } = await start();
  rig.apply([httpChannel({ url: app.url })]);
  rig.notifier.record(upstreamMoved({ to: null }));
  await rig.line(1);
  rig.apply([httpChannel({ url: `${app.url}?app={event:app}`, method: "GET" })]);
  rig.notifier.record(upstreamMoved());
  await rig.line(2);
  const [post, get] = app.got;
  expect(JSON.parse(String(post?.body))).toEqual({
    type: "failover",
    at: "2026-01-01T00:00:00.000Z",
    app: "quiz",
    from: "primary",
    from_url: "http://10.0.0.5:9000",
    reason: "consecutive_failures",
    duration_ms: 812.346,
  });
  expect(get).toMatchObject({ method: "GET", url: "/?app=quiz", body: Buffer.alloc(0) });
  expect(get?.headers["content-type"]).toBeUndefined();
});

test("what an event says stays where it was put: it ends no string, no header and no path", async () => {
  const { app, rig } = await start();
  const hostile = 'a"},"x":{"\r\nX-Evil: 1\r\n\r\n/../?b=c#d%2f{event:app}\u{1f600}\ud800\u0000';
  rig.apply([
    httpChannel({
      url: `${app.url}/rooms/{label:room}/x?q={label:room}`,
      headers: [["X-Room", "room {label:room}"]],
      body: { room: "{label:room}", text: "in {label:room}" },
    }),
  ]);
  rig.notifier.record(fallbackUsed({ labels: { room: hostile } }));
  expect((await rig.line(1)).level).toBe("info");
  expect(app.got).toHaveLength(1);
  const [got] = app.got;
  const wellFormed = hostile.toWellFormed();
  expect(got?.url).toBe(`/rooms/${encodeURIComponent(wellFormed)}/x?q=${encodeURIComponent(wellFormed)}`);
  expect(got?.headers["x-evil"]).toBeUndefined();
  expect(got?.headers["x-room"]).toBe(
    'room a"},"x":{"%0D%0AX-Evil: 1%0D%0A%0D%0A/../?b=c#d%2f{event:app}%F0%9F%98%80%EF%BF%BD%00',
  );
  expect(JSON.parse(String(got?.body))).toEqual({ room: wellFormed, text: `in ${wellFormed}` });
});

test.each(["..", "."])("a value %s that would be a step in the path is not sent", async (room) => {
  const { app, rig } = await start();
  rig.apply([httpChannel({ url: `${app.url}/rooms/{label:room}` })]);
  rig.notifier.record(fallbackUsed({ labels: { room } }));
  expect(await rig.line(1)).toMatchObject({ level: "error", fields: { status: 0, attempts: 1 } });
  expect(app.got).toEqual([]);
});

test("percent signs of a value are encoded like the rest: what looks encoded is no step either", async () => {
  const { app, rig } = await start();
  rig.apply([httpChannel({ url: `${app.url}/rooms/{label:room}` })]);
  rig.notifier.record(fallbackUsed({ labels: { room: "%2e%2e" } }));
  await rig.line(1);
  expect(app.got[0]?.url).toBe("/rooms/%252e%252e");
});

test("a final answer is logged with its beginning, in plain characters and without what was secret in the call", async () => {
  const { app, rig } = await start();
  const long = "x".repeat(300);
  app.behave((got, res) => {
    res.writeHead(422);
    res.end(`no ${got.headers.authorization} nor the-token nor ${got.url}\n\u001b[2J a-secret-of-the-manifest ${long}`);
  });
  rig.apply([
    httpChannel({
      url: `${app.url}/services/T0123456789ABCDEFGH/x?key=very-secret-key&n=1`,
      headers: [["Authorization", "Bearer the-token"]],
    }),
  ]);
  rig.notifier.record(upstreamMoved());
  const { level, fields, message } = await rig.line(1);
  expect(level).toBe("error");
  expect(message).toBe("could not tell hook of failover of quiz: answered 422");
  expect(fields).toMatchObject({ channel: "hook", about: "failover", status: 422, attempts: 1 });
  expect(fields.answer).toMatch(/^no \*\*\* nor \*\*\* nor \*\*\* \[2J \*\*\* x+$/);
  expect(String(fields.answer)).toHaveLength(200);
  expect(rig.counts).toEqual({ "hook failed": 1 });
});

test("redirects are not followed, and other answers of the 400s are final", async () => {
  const { app, rig } = await start(json(302, {}, { Location: "/elsewhere" }));
  rig.apply([httpChannel({ url: app.url })]);
  rig.notifier.record(upstreamMoved());
  expect((await rig.line(1)).message).toContain("redirects are not followed");
  app.behave(json(403, {}));
  rig.notifier.record(upstreamMoved());
  expect((await rig.line(2)).fields).toMatchObject({ status: 403, attempts: 1 });
  expect(app.got.map(({ url }) => url)).toEqual(["/", "/"]);
});

test("an answer without an end is read up to a bound, and its connection closed", async () => {
  const { app, rig } = await start((_got, res) => {
    res.writeHead(200);
    const pour = (): void => {
      if (!res.destroyed) res.write(Buffer.alloc(16_384, "x"), () => setImmediate(pour));
    };
    pour();
  });
  rig.apply([httpChannel({ url: app.url })]);
  rig.notifier.record(upstreamMoved());
  expect((await rig.line(1)).level).toBe("info");
  await app.idle();
});

test("an endpoint that says nothing is given up after the timeout of the try", async () => {
  const { app, rig } = await start(hang);
  rig.apply([httpChannel({ url: app.url, timeoutMs: 700, retry: { attempts: 1, initialMs: 1, maxMs: 1 } })]);
  rig.notifier.record(upstreamMoved());
  await app.received(1);
  rig.clock.advance(699);
  expect(rig.lines).toEqual([]);
  rig.clock.advance(1);
  expect(await rig.line(1)).toMatchObject({
    level: "error",
    fields: { status: 0, attempts: 1, detail: "no answer within 700 ms" },
  });
  await app.idle();
});

test("a certificate that nobody vouches for is refused, and no byte of the call is sent", async () => {
  const { cert, key } = createCertificate("nobody");
  let requests = 0;
  const server = createTlsServer({ cert, key }, (_req, res) => {
    requests++;
    res.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { rig } = await start();
  onTestFinished(() => void server.close());
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  rig.apply([httpChannel({ url, retry: { attempts: 1, initialMs: 1, maxMs: 1 } })]);
  rig.notifier.record(upstreamMoved());
  const { fields } = await rig.line(1);
  expect(fields).toMatchObject({ status: 0, detail: expect.stringContaining("TLS handshake failed") });
  expect(requests).toBe(0);
});
