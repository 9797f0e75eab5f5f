import { createServer } from "node:net";

/** An app that answers whatever it gets with far more than any kernel takes for a caller that does not read. */

const SIZE = 8 * 1024 * 1024;
const ANSWER = Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${SIZE}\r\n\r\n`), Buffer.alloc(SIZE)]);

const server = createServer((socket) => {
  socket.on("error", () => socket.destroy());
  socket.on("data", () => socket.write(ANSWER));
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  process.stdout.write(`${JSON.stringify({ port: typeof address === "object" ? address?.port : 0 })}\n`);
});
