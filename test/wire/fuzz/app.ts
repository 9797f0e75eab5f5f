import { createServer, type Socket } from "node:net";
import { parseMessages, type RawMessage, values } from "../../help/raw.ts";
import { goodbye } from "./tunnel.ts";

/** What the app saw of one request. */
export interface Seen {
  readonly id: string;
  readonly method: string;
  readonly target: string;
  readonly body: string;
}

/** What the app says to one id. */
export interface FuzzAnswer {
  readonly bytes: string;
  readonly end: "keep" | "close" | "reset";
  /** Said as soon as the head is there, while the body still comes. */
  readonly early?: boolean;
  /** A WebSocket, of which the caller sends this many bytes. */
  readonly tunnel?: number;
}

/** The upstream of the fuzz: keeps what it is sent, and answers each id with the bytes that were given for it. */
export interface FuzzApp {
  readonly port: number;
  /** The whole requests since the last `begin`. */
  readonly seen: readonly Seen[];
  /** What was no request since then. */
  readonly complaints: readonly string[];
  /** The requests that were answered before they were whole; some are in `seen`, too. */
  readonly early: readonly Omit<Seen, "body">[];
  /** What came up each WebSocket, by id. */
  readonly tunnelled: ReadonlyMap<string, string>;
  /** Forgets what was seen; from now on these are the answers. */
  begin(answers: ReadonlyMap<string, FuzzAnswer>): void;
  readonly connections: number;
  /** Connections that it has ended, and the proxy not yet. */
  readonly ending: number;
  stop(): Promise<void>;
}

const FRAMING = ["te", "trailer", "keep-alive", "expect", "proxy-connection"];

export async function startFuzzApp(): Promise<FuzzApp> {
  const open = new Set<Socket>();
  const ending = new Set<Socket>();
  let seen: Seen[] = [];
  let complaints: string[] = [];
  let early: Omit<Seen, "body">[] = [];
  let tunnelled = new Map<string, string>();
  let answers: ReadonlyMap<string, FuzzAnswer> = new Map();
  let port = 0;
  const take = (socket: Socket, request: RawMessage, answered: boolean): void => {
    const { id, method, target, version } = headOf(request);
    seen.push({ id, method, target, body: request.body.toString("latin1") });
    complaints.push(...objections(request, version, port));
    if (!answered) say(socket, answers.get(id));
  };
  const say = (socket: Socket, answer: FuzzAnswer | undefined): void => {
    // An upgrade of a case that has none is answered like any other request: with a no.
    socket.write(Buffer.from(answer?.bytes ?? UNKNOWN, "latin1"));
    if (answer === undefined || answer.end === "keep") return;
    ending.add(socket);
    if (answer.end === "close") socket.end();
    // After what was written has left: a reset would otherwise overtake it.
    else socket.write("", () => socket.resetAndDestroy());
  };
  const carry = (socket: Socket, id: string, length: number, first: Buffer): void => {
    const came = tunnelled;
    came.set(id, first.toString("latin1"));
    socket.removeAllListeners("data").on("data", (chunk: Buffer) => {
      const all = came.get(id) + chunk.toString("latin1");
      came.set(id, all);
      if (all.length >= length) socket.write(goodbye(id));
    });
  };
  const server = createServer((socket) => {
    let unread: Buffer = Buffer.alloc(0);
    let answered = false;
    /** Says what there is to say before the body is whole. */
    const look = (): void => {
      const request = answered ? null : headAlone(unread);
      if (request === null) return;
      const { id, method, target, version } = headOf(request);
      const answer = answers.get(id);
      if (answer?.early !== true) return;
      answered = true;
      early.push({ id, method, target });
      complaints.push(...objections(request, version, port));
      say(socket, answer);
    };
    open.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => {
      open.delete(socket);
      ending.delete(socket);
    });
    socket.on("data", (chunk: Buffer) => {
      try {
        const { messages, rest } = parseMessages(Buffer.concat([unread, chunk]));
        unread = rest;
        for (const request of messages) {
          const { id } = headOf(request);
          const length = values(request, "upgrade").length > 0 ? answers.get(id)?.tunnel : undefined;
          // What is about to be reset after another answer takes no WebSocket any more.
          const gone = length !== undefined && ending.has(socket);
          if (length !== undefined && !gone) carry(socket, id, length, unread);
          take(socket, request, answered || gone);
          answered = false;
        }
        look();
      } catch (error) {
        complaints.push(String(error));
        socket.destroy();
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    port,
    get seen() {
      return seen;
    },
    get complaints() {
      return complaints;
    },
    get early() {
      return early;
    },
    get tunnelled() {
      return tunnelled;
    },
    get connections() {
      return open.size;
    },
    get ending() {
      return ending.size;
    },
    begin(next) {
      seen = [];
      complaints = [];
      early = [];
      tunnelled = new Map();
      answers = next;
    },
    stop: async () => {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

const UNKNOWN = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nunknown";

function headOf(request: RawMessage) {
  const [method = "", target = "", version] = request.line.split(" ");
  return { id: values(request, "x-fuzz-id").join(), method, target, version };
}

/** The head that begins these bytes, as a message without its body; null where it is not whole. */
function headAlone(bytes: Buffer): RawMessage | null {
  const end = bytes.indexOf("\r\n\r\n");
  return end === -1 ? null : (parseMessages(bytes.subarray(0, end + 4), true).messages[0] ?? null);
}

function objections(request: RawMessage, version: string | undefined, port: number): string[] {
  const found: string[] = [];
  if (version !== "HTTP/1.1") found.push(`a request line of ${version}`);
  if (values(request, "host").join() !== `127.0.0.1:${port}`) found.push(`Host: ${values(request, "host").join()}`);
  for (const name of FRAMING) if (values(request, name).length > 0) found.push(`${name} was forwarded`);
  return found;
}
