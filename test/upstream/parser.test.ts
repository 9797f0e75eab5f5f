import { createRequire } from "node:module";
import { Socket } from "node:net";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import type { Answer } from "../../src/core/exchange.ts";
import { createMemoryLedger } from "../../src/core/memory.ts";
import { createUpstreamClient } from "../../src/upstream/client.ts";
import { guardHeads } from "../../src/upstream/parser.ts";
import { sendOnce } from "../../src/upstream/send.ts";
import { createExchange, sendPlan } from "../help/exchange.ts";
import { ANYWHERE, startPeer, upstreamOf } from "../help/peers.ts";

/** Interim answers that nobody asked for, however the network cuts the bytes. And who judges the heads of all others. */

/** An app with these manners, and a client of it. */
async function startApp(greet: (socket: Socket) => void) {
  let connections = 0;
  const peer = await startPeer((socket) => {
    connections++;
    greet(socket);
  });
  onTestFinished(() => peer.stop());
  const client = createUpstreamClient(
    upstreamOf(`http://127.0.0.1:${peer.port}`),
    { connections: 1, connectTimeoutMs: 1000, tls: null },
    { clock: systemClock, egress: ANYWHERE },
  );
  onTestFinished(() => client.close());
  const deps = { clock: systemClock, memory: createMemoryLedger(1 << 20), leave: () => undefined };
  return {
    connections: () => connections,
    send(): Promise<Answer> {
      const x = createExchange({ tryMs: 10_000, deadlineAt: systemClock.now() + 10_000 });
      return sendOnce(client, sendPlan(), deps, x) as Promise<Answer>;
    },
  };
}

/** Answers each request with these pieces, one after the other. */
const inPieces = (pieces: () => readonly Buffer[]) => (socket: Socket) => {
  socket.setNoDelay(true);
  const answer = async (): Promise<void> => {
    for (const piece of pieces()) {
      await new Promise((resolve) => socket.write(piece, resolve));
      await new Promise(setImmediate);
    }
  };
  socket.on("data", () => void answer());
};

const interim = fc.constantFrom(
  "HTTP/1.1 100 Continue\r\n\r\n",
  "HTTP/1.1 100 \r\nX-A: b\r\n\r\n",
  "HTTP/1.1 102 Processing\r\n\r\n",
  "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
);
/** Bodies that look like heads, in both framings. */
const body = fc.constantFrom("", "ok", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");

test("are dropped, however many come and wherever they are cut, and the connection is used again", async () => {
  let pieces: readonly Buffer[] = [];
  const app = await startApp(inPieces(() => pieces));
  await fc.assert(
    fc.asyncProperty(
      fc.array(interim, { minLength: 1, maxLength: 4 }),
      body,
      fc.boolean(),
      fc.array(fc.nat(400), { maxLength: 6 }),
      async (before, text, chunked, cuts) => {
        const framed = chunked
          ? `Transfer-Encoding: chunked\r\n\r\n${text && `${text.length.toString(16)}\r\n${text}\r\n`}0\r\n\r\n`
          : `Content-Length: ${text.length}\r\n\r\n${text}`;
        const all = Buffer.from(`${before.join("")}HTTP/1.1 200 OK\r\nX-Mine: 1\r\n${framed}`);
        const ends = [...new Set([...cuts, all.length])].filter((at) => at > 0 && at <= all.length);
        ends.sort((a, b) => a - b);
        pieces = ends.map((end, i) => all.subarray(ends[i - 1] ?? 0, end));
        const answer = await app.send();
        expect(answer).toMatchObject({ kind: "answer", status: 200 });
        expect(answer.headers.includes("Link") || !answer.headers.includes("X-Mine")).toBe(false);
        expect(answer.body.toString()).toBe(text);
      },
    ),
    { numRuns: 150 },
  );
  expect(app.connections()).toBe(1);
});

test("a 100 that comes of itself between two requests is no answer to either, and its connection is gone", async () => {
  const app = await startApp(
    inPieces(() => [Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 100 Continue\r\n\r\n")]),
  );
  for (let n = 0; n < 2; n++) expect((await app.send()).body.toString()).toBe("ok");
  expect(app.connections()).toBe(2);
});

test("without an answer after them they are a cut one", async () => {
  const app = await startApp((socket) => {
    socket.once("data", () => socket.end("HTTP/1.1 100 Continue\r\n\r\n"));
  });
  expect(await app.send()).toMatchObject({ kind: "fault", reason: "reset", written: true });
});

/** What `UNDICI_USE_MILO=1` sets when undici is loaded. */
const { setMiloEnabled } = createRequire(import.meta.url)("undici/lib/dispatcher/parser-h1.js") as {
  setMiloEnabled(enabled: boolean): void;
};

test("heads are judged though the environment asks undici for another parser", async () => {
  setMiloEnabled(true);
  onTestFinished(() => setMiloEnabled(false));
  let head = "";
  const app = await startApp((socket) => {
    socket.on("data", () => socket.write(`${head}\r\n\r\n2\r\nok\r\n0\r\n\r\n`));
  });
  for (head of ["HTTP/2.0 200 OK\r\nTransfer-Encoding: chunked", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked"]) {
    expect(await app.send()).toMatchObject({ kind: "fault", reason: "invalid_response" });
  }
  head = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked";
  expect(await app.send()).toMatchObject({ kind: "answer", status: 200 });
});

test("a connection whose parser can't be asked is a bug; one that undici did not want has none", () => {
  const socket = new Socket();
  expect(() => guardHeads(socket)).toThrow("a parser that is not known here");
  socket.destroy();
  expect(() => guardHeads(socket)).not.toThrow();
});
