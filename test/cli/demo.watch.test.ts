import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { BREAKER_MOVES, breakerRows, recovered } from "../../src/cli/demo/breakers.ts";
import { eventReader, type Told, watchEvents } from "../../src/cli/demo/watch.ts";

const STREAM = [
  "retry: 1000\n\n",
  'id: 1\nevent: breaker.opened\ndata: {"type":"breaker.opened","capability":"a"}\n\n',
  ": still here\n\n",
  'id: 2\r\nevent: gap\r\ndata: {"type":"gap"}\r\n\r\n',
  'data:{"type":"breaker.closed","word":"größer"}\n\n',
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

test("events are read the same in whatever pieces the stream comes", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: STREAM.length })), (cuts) => {
      const told: Told[] = [];
      const read = eventReader((event) => told.push(event));
      const at = [0, ...cuts.toSorted((a, b) => a - b), STREAM.length];
      for (const [i, from] of at.entries()) read(STREAM.slice(from, at[i + 1]));
      expect(told.map(({ type }) => type)).toEqual(["breaker.opened", "gap", "breaker.closed"]);
      expect(told[2]?.word).toBe("größer");
    }),
  );
});

test("the watch asks for its types with the token, and hears nothing else", async () => {
  let asked: unknown[] = [];
  const admin = await serve((req, res) => {
    asked = [req.url, req.headers.authorization];
    res.writeHead(200, { "Content-Type": "text/event-stream" }).end(STREAM);
  });
  const told: Told[] = [];
  const both = new Promise<void>((done) => {
    void watchEvents({ admin, token: "t0k" }, ["breaker.opened", "breaker.closed"], (event) => {
      if (told.push(event) === 2) done();
    });
  });
  await both;
  expect(asked).toEqual(["/api/v1/admin/events?type=breaker.opened,breaker.closed", "Bearer t0k"]);
  expect(told.map(({ type }) => type)).toEqual(["breaker.opened", "breaker.closed"]);
});

test("a refused or absent stream is an error, and one that breaks later is not", async () => {
  const refusing = await serve((_req, res) => void res.writeHead(401).end());
  await expect(watchEvents({ admin: refusing, token: "" }, [], () => {})).rejects.toThrow("refused with 401");
  await expect(watchEvents({ admin: "127.0.0.1:1", token: "" }, [], () => {})).rejects.toThrow("ECONNREFUSED");

  let cut = (): void => {};
  const breaking = await serve((_req, res) => {
    res.writeHead(200).flushHeaders();
    cut = () => void res.destroy();
  });
  const watch = await watchEvents({ admin: breaking, token: "" }, [], () => {});
  cut();
  watch.close();
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
