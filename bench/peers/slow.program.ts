import { connect } from "node:net";
import type { SlowOptions } from "./ours.slow.ts";

/**
 * Holds slow connections: heads and bodies of which a byte comes each second, and callers that read nothing. One that
 * is ended from the other side is opened again, so that their number stands. Says `{"held":N}` once all are open.
 */

const given = JSON.parse(process.argv[2] ?? "") as SlowOptions;
const total = given.heads + given.bodies + given.readers;
const TRICKLE_MS = 1000;
/** Until the kernel holds as much as it takes for those who read nothing, they are fast callers. */
const SETTLE_MS = 5000;
let open = 0;
let told = false;

function hold(bytes: string, trickles: boolean, i: number): void {
  const socket = connect(given.port, "127.0.0.1");
  // Refusals are read and thrown away; an answer is left where it is.
  if (trickles) socket.resume();
  else socket.pause();
  // Spread over the second: a thousand packets at once would be a burst, and not slow.
  let timer = setTimeout(trickle, (i / total) * TRICKLE_MS);
  function trickle(): void {
    if (!trickles) return;
    socket.write("a");
    timer = setTimeout(trickle, TRICKLE_MS);
  }
  socket.on("connect", () => {
    socket.write(bytes);
    if (++open < total || told) return;
    told = true;
    setTimeout(() => process.stdout.write(`${JSON.stringify({ held: open })}\n`), given.readers > 0 ? SETTLE_MS : 0);
  });
  socket.on("error", () => undefined);
  socket.on("close", () => {
    clearTimeout(timer);
    open--;
    setTimeout(() => hold(bytes, trickles, i), 10);
  });
}

const head = (method: string, path: string): string => `${method} ${path} HTTP/1.1\r\nHost: slow.example\r\n`;
for (let i = 0; i < given.heads; i++) hold(`${head("POST", given.path)}X-Slow: `, true, i);
for (let i = 0; i < given.bodies; i++)
  hold(`${head("POST", given.path)}Content-Length: 1000\r\n\r\n`, true, given.heads + i);
for (let i = 0; i < given.readers; i++) hold(`${head("GET", given.large)}\r\n`, false, i);
