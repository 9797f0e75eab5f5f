import { connect, createServer, type Socket } from "node:net";

/**
 * HTTP with the bare hands: a client that sends any bytes, and an upstream that keeps every byte it was sent. Neither
 * uses an HTTP library, so that no library's kindness hides what is on the wire.
 */

export interface RawMessage {
  /** The first line. */
  readonly line: string;
  /** `[name, value, name, value, …]` as written. */
  readonly headers: readonly string[];
  readonly body: Buffer;
}

/** All values of a field, in order. */
export function values(message: RawMessage, lowerName: string): string[] {
  return message.headers.filter((_, i) => i % 2 === 1 && message.headers[i - 1]?.toLowerCase() === lowerName);
}

export function statusOf(message: RawMessage | undefined): number {
  return Number(message?.line.split(" ")[1] ?? 0);
}

/**
 * Cuts bytes into messages, as strictly as RFC 9112 asks: what contradicts itself throws. `rest` is what is no whole
 * message yet. `bodiless` says whether a response to HEAD is read. Interim responses (1xx) are messages of their own.
 */
export function parseMessages(bytes: Buffer, bodiless = false): { messages: RawMessage[]; rest: Buffer } {
  const messages: RawMessage[] = [];
  let at = 0;
  for (;;) {
    const end = bytes.indexOf("\r\n\r\n", at);
    if (end === -1) return { messages, rest: bytes.subarray(at) };
    const [line = "", ...lines] = bytes.toString("latin1", at, end).split("\r\n");
    const headers = lines.flatMap((text) => {
      const colon = text.indexOf(":");
      return [text.slice(0, colon), text.slice(colon + 1).trim()];
    });
    const body = parseBody(bytes, end + 4, { line, headers, body: Buffer.alloc(0) }, bodiless);
    if (body === null) return { messages, rest: bytes.subarray(at) };
    messages.push({ line, headers, body: body.bytes });
    at = body.end;
  }
}

function parseBody(bytes: Buffer, at: number, message: RawMessage, bodiless: boolean) {
  const lengths = values(message, "content-length");
  const codings = values(message, "transfer-encoding");
  if (lengths.length + codings.length > 1) throw new Error(`contradictory framing: ${message.headers.join("|")}`);
  const status = message.line.startsWith("HTTP/") ? statusOf(message) : 0;
  const none = { bytes: Buffer.alloc(0), end: at };
  if (bodiless || (status >= 100 && status < 200) || status === 204 || status === 304) return none;
  if (codings.length === 1) return parseChunks(bytes, at);
  if (lengths.length === 0) return status === 0 ? none : null;
  const end = at + Number(lengths[0]);
  return bytes.length < end ? null : { bytes: bytes.subarray(at, end), end };
}

function parseChunks(bytes: Buffer, from: number) {
  const parts: Buffer[] = [];
  for (let at = from; ; ) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd === -1) return null;
    const size = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16);
    const next = lineEnd + 2 + size + 2;
    if (bytes.length < next) return null;
    // Trailers are never sent by us, so the last chunk is followed by an empty line at once.
    if (bytes.toString("latin1", next - 2, next) !== "\r\n") throw new Error("a chunk does not end where it said");
    if (size === 0) return { bytes: Buffer.concat(parts), end: next };
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = next;
  }
}

export interface RawReply {
  readonly bytes: Buffer;
  readonly messages: readonly RawMessage[];
  /** True when the other side closed the connection, false when we had all we waited for. */
  readonly closed: boolean;
}

/** A test that waits longer for the other side to say something has failed: it gets what came until then. */
const PATIENCE_MS = 5_000;

/**
 * Sends the bytes and resolves when the other side closes, or after `responses` whole final responses. Never sends
 * FIN first: to Node's server that would be a caller who left.
 */
export function rawExchange(
  port: number,
  bytes: string | Buffer,
  options: { readonly responses?: number; readonly head?: boolean; readonly patienceMs?: number } = {},
): Promise<RawReply> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const chunks: Buffer[] = [];
    const patience = setTimeout(() => finish(false), options.patienceMs ?? PATIENCE_MS);
    const finish = (closed: boolean): void => {
      const all = Buffer.concat(chunks);
      clearTimeout(patience);
      socket.destroy();
      resolve({ bytes: all, messages: parseMessages(all, options.head).messages, closed });
    };
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      if (options.responses === undefined) return;
      const { messages } = parseMessages(Buffer.concat(chunks), options.head);
      if (messages.filter((m) => statusOf(m) >= 200).length >= options.responses) finish(false);
    });
    // A reset after the answer is a way of closing, too.
    socket.on("error", () => undefined);
    socket.on("close", () => finish(true));
    socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  });
}

/** What an upstream does with a whole request: bytes to answer, and whether it then closes or resets. */
export interface RawAnswer {
  readonly bytes: string | Buffer;
  readonly end?: "close" | "reset";
}

export interface RecordingUpstream {
  readonly port: number;
  readonly url: string;
  /** Every byte received, over all connections, in order of arrival. */
  saw(): Buffer;
  /** The whole requests among them. One that contradicts itself throws as it comes. */
  requests(): RawMessage[];
  connections(): number;
  /** Forgets what was seen, but keeps its connections. */
  forget(): void;
  /** Resolves once `count` whole requests have come, all told. */
  received(count: number): Promise<void>;
  /** Resolves once every connection is closed. */
  idle(): Promise<void>;
  /** Connections that are open now. */
  open(): number;
  /** Ends every connection. */
  hangUp(): void;
  stop(): Promise<void>;
}

const OK: RawAnswer = { bytes: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" };

/**
 * A TCP server that records all it gets. Each whole request is answered by `answer(request, socket, n)`, `n` counting
 * from 0; returning null leaves it unanswered (or to the script, which has the socket).
 */
export async function recordingUpstream(
  answer: (request: RawMessage, socket: Socket, n: number) => RawAnswer | null = () => OK,
): Promise<RecordingUpstream> {
  let seen: Buffer[] = [];
  let whole: RawMessage[] = [];
  let connections = 0;
  const open = new Set<Socket>();
  let count = 0;
  let waiting: { readonly done: () => boolean; readonly resolve: () => void }[] = [];
  const until = (done: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      if (done()) resolve();
      else waiting.push({ done, resolve });
    });
  const wake = (): void => {
    for (const w of waiting) if (w.done()) w.resolve();
    waiting = waiting.filter((w) => !w.done());
  };
  const server = createServer((socket) => {
    let unread: Buffer = Buffer.alloc(0);
    connections++;
    open.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => {
      open.delete(socket);
      wake();
    });
    socket.on("data", (chunk: Buffer) => {
      seen.push(chunk);
      const { messages, rest } = parseMessages(Buffer.concat([unread, chunk]));
      unread = rest;
      whole.push(...messages);
      for (const request of messages) give(socket, answer(request, socket, count++));
      wake();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    saw: () => Buffer.concat(seen),
    requests: () => whole,
    connections: () => connections,
    forget: () => {
      seen = [];
      whole = [];
    },
    received: (wanted) => until(() => count >= wanted),
    idle: () => until(() => open.size === 0),
    open: () => open.size,
    hangUp: () => {
      for (const socket of open) socket.end();
    },
    stop: async () => {
      for (const socket of open) socket.destroy();
      if (server.listening) await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function give(socket: Socket, answer: RawAnswer | null): void {
  if (answer === null) return;
  socket.write(typeof answer.bytes === "string" ? Buffer.from(answer.bytes, "latin1") : answer.bytes, () => {
    if (answer.end === "close") socket.end();
    else if (answer.end === "reset") socket.resetAndDestroy();
  });
}
