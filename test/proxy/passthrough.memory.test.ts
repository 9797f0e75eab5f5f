import { connect, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { startPassthrough } from "../help/passthrough.ts";
import { startPeer } from "../help/peers.ts";
import { heldBytes } from "../wire/level.ts";

const FIRST_BYTES = 60 * 1024;
const FIRST = Buffer.alloc(FIRST_BYTES, "x");
const COUNT = 100;

test.each([
  ["chunked", `Transfer-Encoding: chunked\r\n\r\n${(2 * FIRST_BYTES).toString(16)}\r\n`],
  ["with a length", `Content-Length: ${2 * FIRST_BYTES}\r\n\r\n`],
])("a stream, %s, that goes on holds nothing of what came with its head", async (_name, framing) => {
  const peer = await startPeer((socket) => {
    socket.once("data", () => {
      socket.cork();
      socket.write(`HTTP/1.1 200 OK\r\n${framing}`);
      socket.write(FIRST);
      socket.uncork();
    });
  });
  onTestFinished(() => peer.stop());
  const host = await startPassthrough(peer.port, { connections: 2 * COUNT });
  onTestFinished(() => host.stop());

  /** Resolves with a caller that has read all that there is so far. */
  const open = (): Promise<Socket> =>
    new Promise((resolve) => {
      const socket = connect(host.port, "127.0.0.1");
      let read = 0;
      socket
        .on("error", () => undefined)
        .on("data", ({ length }) => {
          read += length;
          if (read > FIRST_BYTES) resolve(socket);
        });
      socket.write("GET /x HTTP/1.1\r\nHost: wire.example\r\n\r\n");
      onTestFinished(() => void socket.destroy());
    });
  const openAll = async (): Promise<void> => {
    for (let i = 0; i < COUNT; i++) await open();
  };
  await openAll();
  const before = heldBytes();
  await openAll();
  expect((heldBytes() - before) / COUNT).toBeLessThan(FIRST_BYTES / 2);
});
