import { connect } from "node:net";
import { parseMessages } from "../../help/raw.ts";
import type { FuzzApp } from "./app.ts";
import type { Case, Made } from "./cases.ts";
import type { Heard } from "./talk.ts";

/** A WebSocket that the app takes: bytes both ways, of which nobody between understands anything. */
export interface Tunnel {
  /** Sent at once behind the handshake, though nobody has said yes. */
  readonly early: string;
  /** Sent once the app has said yes. */
  readonly up: string;
  /** What the app says behind its yes. */
  readonly down: string;
}

export const handshake = (id: string): string =>
  `GET /passthrough/${id} HTTP/1.1\r\nHost: fuzz.example\r\nX-Fuzz-Id: ${id}\r\nConnection: Upgrade\r\n` +
  "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

export const yes = (id: string): string =>
  `HTTP/1.1 101 Switching Protocols\r\nX-Answer: ${id}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;

/** What the app says once it has all that a caller sends. */
export const goodbye = (id: string): string => `bye ${id}`;

/** A yes comes at once, and so does what follows it. */
const ANSWER_MS = 10_000;

/** Opens the WebSocket of a case, says what it has to say, and hears until the app's goodbye or the end. */
export function talkTunnel(port: number, { id }: Case, tunnel: Tunnel, { bytes }: Made): Promise<Heard> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let text = "";
    let said = false;
    const timer = setTimeout(() => finish(false), ANSWER_MS);
    const finish = (closed: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ bytes: text, finals: [], closed, nonsense: nonsenseIn(text) });
    };
    socket.setNoDelay(true).setEncoding("latin1");
    socket.on("data", (chunk: string) => {
      text += chunk;
      const { status } = readAnswerOf(text);
      if (status === 101 && !said) {
        said = true;
        socket.write(Buffer.from(tunnel.up, "latin1"));
      }
      if (status === 101 && text.endsWith(goodbye(id))) finish(false);
    });
    socket.on("error", () => undefined);
    socket.on("close", () => finish(true));
    socket.write(Buffer.from(bytes + tunnel.early, "latin1"));
  });
}

/** The connection was gone before an answer. */
const LOST = /^HTTP\/1\.1 502 .*?\r\nOutrigger-Outcome: failed;reason=reset\r\n/s;

/** What broke, in sentences: bytes lost, added or changed on either way, or a yes that the app never gave. */
export function judgeTunnel(
  { id, answerEdits }: Case,
  { early, up, down }: Tunnel,
  { bytes }: Heard,
  { answer }: Made,
  { tunnelled }: Pick<FuzzApp, "tunnelled">,
): string[] {
  const got = tunnelled.get(id);
  const { status, rest } = readAnswerOf(bytes);
  const found: string[] = [];
  if (status === 101 && !answer.includes("HTTP/1.1 101")) found.push(`a 101 from ${JSON.stringify(answer)}`);
  if (status === 101 && got === undefined) found.push("a 101 for what the app never saw");
  if (!(early + up).startsWith(got ?? "")) found.push(`the app got ${JSON.stringify(got)} of a WebSocket`);
  if (status !== 101 && (got ?? "") !== "")
    found.push(`bytes went up though the caller heard ${JSON.stringify(bytes)}`);
  // The app may end an idle connection as the handshake goes over it, which is not tried twice.
  if (answerEdits.length > 0 || (got === undefined && LOST.test(bytes))) return found;
  const wanted = down + goodbye(id);
  if (status !== 101) found.push(`a WebSocket that the app takes had ${JSON.stringify(bytes)}`);
  else if (rest !== wanted) found.push(`${JSON.stringify(rest)} in place of ${JSON.stringify(wanted)} of a WebSocket`);
  if (got !== early + up) found.push(`${JSON.stringify(got)} in place of ${JSON.stringify(early + up)} went up`);
  return found;
}

function readAnswerOf(text: string): { readonly status: number; readonly rest: string } {
  const end = text.indexOf("\r\n\r\n");
  const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(text) ?? [];
  return { status: end === -1 ? 0 : Number(status), rest: text.slice(end + 4) };
}

function nonsenseIn(text: string): string | null {
  const { status } = readAnswerOf(text);
  if (status === 101 || text === "") return null;
  try {
    parseMessages(Buffer.from(text, "latin1"));
    return Number.isNaN(status) ? text : null;
  } catch (error) {
    return String(error);
  }
}
