import { createServer, type Socket } from "node:net";
import { parseMessages, type RawMessage, values } from "../../help/raw.ts";

/** What the app saw of one request. */
export interface Seen {
  readonly id: string;
  readonly method: string;
  readonly target: string;
  readonly body: string;
}

/** The upstream of the fuzz: keeps what it is sent, and answers each id with the bytes that were given for it. */
export interface FuzzApp {
  readonly port: number;
  /** The whole requests since the last `begin`. */
  readonly seen: readonly Seen[];
  /** What was no request since then. */
  readonly complaints: readonly string[];
  /** Forgets what was seen; from now on these are the answers. */
  begin(answers: ReadonlyMap<string, { readonly bytes: string; readonly end: "keep" | "close" | "reset" }>): void;
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
  let answers: Parameters<FuzzApp["begin"]>[0] = new Map();
  let port = 0;
  const take = (socket: Socket, request: RawMessage): void => {
    const [method = "", target = "", version] = request.line.split(" ");
    const id = values(request, "x-fuzz-id").join();
    seen.push({ id, method, target, body: request.body.toString("latin1") });
    complaints.push(...objections(request, version, port));
    const answer = answers.get(id);
    // An upgrade is answered like any other request: with a no.
    socket.write(Buffer.from(answer?.bytes ?? UNKNOWN, "latin1"));
    if (answer === undefined || answer.end === "keep") return;
    ending.add(socket);
    if (answer.end === "close") socket.end();
    // After what was written has left: a reset would otherwise overtake it.
    else socket.write("", () => socket.resetAndDestroy());
  };
  const server = createServer((socket) => {
    let unread: Buffer = Buffer.alloc(0);
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
        for (const request of messages) take(socket, request);
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
    get connections() {
      return open.size;
    },
    get ending() {
      return ending.size;
    },
    begin(next) {
      seen = [];
      complaints = [];
      answers = next;
    },
    stop: async () => {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

const UNKNOWN = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nunknown";

function objections(request: RawMessage, version: string | undefined, port: number): string[] {
  const found: string[] = [];
  if (version !== "HTTP/1.1") found.push(`a request line of ${version}`);
  if (values(request, "host").join() !== `127.0.0.1:${port}`) found.push(`Host: ${values(request, "host").join()}`);
  for (const name of FRAMING) if (values(request, name).length > 0) found.push(`${name} was forwarded`);
  return found;
}
