import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { type Clock, systemClock } from "../../src/core/clock.ts";
import { createMemoryLedger } from "../../src/core/memory.ts";
import { beginBody, forgetHead, takeBody } from "../../src/proxy/body.ts";
import { Call } from "../../src/proxy/call.ts";
import type { RoutePlan } from "../../src/proxy/plan.ts";
import { heldBytes } from "../wire/level.ts";

/** Says for each request how its body ended, and how many timers and listeners that took. */
async function startReader() {
  let timers = 0;
  const clock: Clock = {
    ...systemClock,
    after(...args) {
      timers++;
      return systemClock.after(...args);
    },
  };
  const shared = { clock, memory: createMemoryLedger(1_000_000), closing: () => false };
  const plan = { ref: {}, settings: { timeoutMs: 30_000, bodyLimit: 10_000 }, maxAttempts: 1 } as unknown as RoutePlan;
  const server = createServer((req, res) => {
    timers = 0;
    const call = new Call(req, res, shared, plan, "/", "/", 0);
    res.on("close", () => forgetHead(req));
    const read = async (): Promise<void> => {
      await beginBody(call, false);
      const end = await takeBody(call);
      res.end(
        `${end} ${call.body.toString()} timers=${timers} listeners=${req.listenerCount("data")} waited=${call.waitedMs > 0}`,
      );
    };
    void read();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => void server.close());
  return { connect: () => startCaller(server) };
}

/** A caller on a connection that is kept. */
async function startCaller(server: Server) {
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  return {
    async send(...pieces: readonly string[]): Promise<string> {
      for (const piece of pieces) {
        socket.write(piece);
        // The other end has read it before the next leaves.
        if (piece !== pieces.at(-1)) await once(server, "request");
      }
      const [answer] = (await once(socket, "data")) as [Buffer];
      return answer.toString().split("\r\n\r\n")[1] ?? "";
    },
  };
}

const HEAD = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";

test("a body that comes with its head is read at once, again and again, with neither timer nor listener", async () => {
  const reader = await (await startReader()).connect();
  for (let i = 0; i < 3; i++)
    expect(await reader.send(`${HEAD}hello`)).toBe("whole hello timers=0 listeners=0 waited=true");
});

test("one that comes later is waited for, with one timer", async () => {
  const reader = await (await startReader()).connect();
  expect(await reader.send(HEAD, "hello")).toBe("whole hello timers=1 listeners=1 waited=true");
  expect(await reader.send(`${HEAD}he`, "llo")).toBe("whole hello timers=1 listeners=1 waited=true");
});

test("a chunked one that comes with its head is read to its end", async () => {
  const reader = await (await startReader()).connect();
  const head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  expect(await reader.send(`${head}2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n`)).toMatch(/^whole hello /);
});

const FIELD_BYTES = 12 * 1024;
const COUNT = 100;

test("a connection that is kept holds next to nothing of its last request", async () => {
  const { connect } = await startReader();
  const callers = await Promise.all(Array.from({ length: COUNT }, connect));
  const sendAll = async (field: string): Promise<number> => {
    const request = HEAD.replace("\r\n\r\n", `\r\nX-Field: ${field}\r\n\r\nhello`);
    for (const { send } of callers) expect(await send(request)).toMatch(/^whole hello /);
    return heldBytes();
  };
  const before = await sendAll("short");
  const after = await sendAll("x".repeat(FIELD_BYTES));
  expect((after - before) / COUNT).toBeLessThan(FIELD_BYTES / 2);
});
