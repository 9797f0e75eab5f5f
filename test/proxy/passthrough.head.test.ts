import type { Socket } from "node:net";
import fc from "fast-check";
import { expect, test } from "vitest";
import { startPassthrough } from "../help/passthrough.ts";
import { startPeer } from "../help/peers.ts";
import { rawExchange, statusOf } from "../help/raw.ts";

/** What is seen of a head does not hang on how the network cuts it, nor on what came before. */

const INTERIM = "HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n";
// `Connection: close`, with which Node's own word about the connection says nothing of the framing.
const answer = (coding: string): string =>
  `HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: ${coding}\r\nX: 1\r\n\r\n2\r\nok\r\n0\r\n\r\n`;

/** The statuses of two answers to a caller, the app's first one cut into these pieces, on connections of their own. */
async function statusesOf(pieces: readonly string[]): Promise<number[]> {
  const send = async (socket: Socket): Promise<void> => {
    for (const piece of pieces) {
      await new Promise<void>((resolve) => void socket.write(Buffer.from(piece, "latin1"), () => resolve()));
      await new Promise(setImmediate);
    }
  };
  const peer = await startPeer((socket) => {
    socket.setNoDelay(true);
    socket.once("data", () => void send(socket));
  });
  const host = await startPassthrough(peer.port);
  try {
    const request = "GET /x HTTP/1.1\r\nHost: wire.example\r\n\r\n";
    const reply = await rawExchange(host.port, request, { responses: 1 });
    return reply.messages.map(statusOf);
  } finally {
    await host.stop();
    await peer.stop();
  }
}

const cut = (bytes: string, places: readonly number[]): string[] =>
  [0, ...places.map((place) => place % bytes.length).toSorted((a, b) => a - b), bytes.length].flatMap((from, i, all) =>
    i + 1 < all.length ? [bytes.slice(from, all[i + 1])] : [],
  );

test("a coding that only looks like chunked is refused, however its head is cut", async () => {
  const cases = fc.tuple(
    fc.nat({ max: 3 }),
    fc.constantFrom("chunked\t", "chunked \t ", "chunked"),
    fc.array(fc.nat({ max: 400 }), { maxLength: 6 }),
  );
  await fc.assert(
    fc.asyncProperty(cases, async ([interim, coding, places]) => {
      const bytes = INTERIM.repeat(interim) + answer(coding);
      expect(await statusesOf(cut(bytes, places))).toEqual([coding === "chunked" ? 200 : 502]);
    }),
    { numRuns: 60 },
  );
});

test("it is refused byte by byte, too, and behind a crowd of interim answers", async () => {
  expect(await statusesOf([...answer("chunked\t")])).toEqual([502]);
  expect(await statusesOf([...answer("chunked")])).toEqual([200]);
  expect(await statusesOf([INTERIM.repeat(3_000) + answer("chunked\t")])).toEqual([502]);
  expect(await statusesOf([INTERIM.repeat(3_000) + answer("chunked")])).toEqual([200]);
});
