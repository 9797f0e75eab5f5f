import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { BREAKER_MOVES, breakerRows, recovered } from "../../src/cli/demo/breakers.ts";
import { type Told, watchEvents } from "../../src/cli/demo/watch.ts";

const never = new AbortController().signal;

const STREAM = [
  "retry: 1000\n\n",
  'id: 1\nevent: breaker.opened\ndata: {"type":"breaker.opened","capability":"a"}\n\n',
  'id: 2\nevent: gap\ndata: {"type":"gap"}\n\n',
  'id: 3\nevent: breaker.closed\ndata: {"type":"breaker.closed","capability":"a"}\n\n',
].join("");

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, "listening");
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("the watch asks for its types with the token, and hears nothing else", async () => {
  let asked: unknown[] = [];
  const admin = await serve((req, res) => {
    asked = [req.url, req.headers.authorization];
    res.writeHead(200, { "Content-Type": "text/event-stream" }).end(STREAM);
  });
  const heard: Told[] = [];
  await new Promise<void>((done) => {
    void watchEvents({ admin, token: "t0k" }, ["breaker.opened", "breaker.closed"], never, (event) => {
      if (heard.push(event) === 2) done();
    });
  });
  expect(asked).toEqual(["/api/v1/admin/events?type=breaker.opened,breaker.closed", "Bearer t0k"]);
  expect(heard.map(({ type }) => type)).toEqual(["breaker.opened", "breaker.closed"]);
});

test("a refused or absent stream is an error, and one that breaks later is not", async () => {
  const refusing = await serve((_req, res) => void res.writeHead(401).end());
  const ignore = (): void => {};
  await expect(watchEvents({ admin: refusing, token: "" }, [], never, ignore)).rejects.toThrow("401");
  await expect(watchEvents({ admin: "127.0.0.1:1", token: "" }, [], never, ignore)).rejects.toThrow("nothing answers");

  let gone: Promise<unknown> = Promise.resolve();
  const breaking = await serve((_req, res) => {
    gone = once(res, "close");
    res.writeHead(200).flushHeaders();
    res.write(": here\n\n", () => res.destroy());
  });
  await watchEvents({ admin: breaking, token: "" }, [], never, ignore);
  await gone;
});

test("the watch lets go of the stream when the demo ends", async () => {
  let gone: Promise<unknown> = Promise.resolve();
  const admin = await serve((_req, res) => {
    gone = once(res, "close");
    res.writeHead(200).flushHeaders();
  });
  const ending = new AbortController();
  await watchEvents({ admin, token: "" }, [], ending.signal, () => {});
  ending.abort();
  await gone;
});

function told(type: string, capability: string, at: number): Told {
  return { type, capability, at: new Date(1_000_000 + at).toISOString() };
}

test("a breaker has recovered once it opened, half-opened and closed, in that order", () => {
  const [opened, half, closed] = BREAKER_MOVES as [string, string, string];
  const way = [told(opened, "a", 0), told(half, "a", 2000), told(closed, "a", 2500)];
  expect(recovered(way, ["a", "b"])).toEqual(["a"]);
  expect(recovered(way.slice(0, 2), ["a"])).toEqual([]);
  expect(recovered([told(closed, "a", 0)], ["a"])).toEqual([]);
  expect(recovered([...way, told(opened, "a", 3000)], ["a"])).toEqual([]);
  expect(recovered([told(opened, "a", 0), told(half, "a", 1), told(opened, "a", 2), ...way.slice(1)], ["a"])).toEqual([
    "a",
  ]);
});

test("each opening is a row with its times, a dash where nothing came", () => {
  const [opened, half, closed] = BREAKER_MOVES as [string, string, string];
  const events = [
    told(opened, "a", 1000),
    told(opened, "b", 1500),
    told(half, "a", 3000),
    told(closed, "a", 3250),
    told(opened, "a", 9000),
  ];
  expect(breakerRows(events, 1_000_000)).toEqual([
    ["a", "+1.0 s", "+3.0 s", "+3.3 s"],
    ["b", "+1.5 s", "–", "–"],
    ["a", "+9.0 s", "–", "–"],
  ]);
});
