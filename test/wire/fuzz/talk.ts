import { connect } from "node:net";
import { parseMessages, type RawMessage, statusOf } from "../../help/raw.ts";
import type { Case, Made } from "./cases.ts";

/** What a caller got. */
export interface Heard {
  readonly bytes: string;
  /** Whole answers, without interim ones. */
  readonly finals: readonly RawMessage[];
  /** The other side closed. */
  readonly closed: boolean;
  /** Set where the bytes are no HTTP at all. */
  readonly nonsense: string | null;
}

/** Who sent all of a request has an answer within this: the routes' timeout is 2 s. */
const ANSWER_MS = 10_000;
/** Who did not waits so long for a refusal, and goes. */
const PATIENCE_MS = 40;

/** Sends a case's bytes in its packets, and reads until all is said that can be expected. */
export function talk(port: number, one: Case, made: Made): Promise<Heard> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const chunks: Buffer[] = [];
    let timer = setTimeout(() => finish(false), ANSWER_MS);
    let sent = false;
    const finish = (closed: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(read(Buffer.concat(chunks), closed, made));
    };
    const look = (): void => {
      if (!sent) return;
      const { finals } = read(Buffer.concat(chunks), false, made);
      if (finals.length < made.requests.length) return;
      if (made.rest === "none") return finish(false);
      clearTimeout(timer);
      timer = setTimeout(() => finish(false), PATIENCE_MS);
    };
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      look();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => finish(true));
    void send(socket, pieces(made.bytes, one.cuts)).then(() => {
      sent = true;
      if (one.leaves) finish(false);
      else look();
    });
  });
}

function pieces(bytes: string, cuts: readonly number[]): string[] {
  const places = [0, ...cuts.map((cut) => Math.floor(cut * bytes.length)), bytes.length];
  return places.slice(1).map((to, i) => bytes.slice(places[i], to));
}

async function send(socket: ReturnType<typeof connect>, parts: readonly string[]): Promise<void> {
  for (const part of parts) {
    if (part === "" || socket.destroyed) continue;
    await new Promise<void>((done) => {
      socket.write(Buffer.from(part, "latin1"), () => done());
    });
    // Each has its own way through the other side's loop.
    await new Promise(setImmediate);
  }
}

function read(bytes: Buffer, closed: boolean, made: Made): Heard {
  const text = bytes.toString("latin1");
  try {
    const { messages } = parseMessages(bytes, made.requests[0]?.method === "HEAD");
    return { bytes: text, finals: messages.filter((one) => statusOf(one) >= 200), closed, nonsense: null };
  } catch (error) {
    return { bytes: text, finals: [], closed, nonsense: String(error) };
  }
}
