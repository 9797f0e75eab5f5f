import { connect, type Socket } from "node:net";
import { rawPost, statusOfWhole } from "./raw-answer.ts";
import type { SoakLoad, SoakSaid, Times } from "./soak.ts";
import { quantile } from "./statistics.ts";

/**
 * A steady open-loop load for as long as it takes, half of it synchronous: requests leave by the clock whether or not
 * earlier ones were answered, and their times count from when they should have left. Unlike the client of the short
 * runs it sleeps between two turns, so that it leaves the machine to others for an hour; so its times are up to a
 * millisecond longer. It outlives broken connections, and counts them.
 */

const { port, paths, body, rate, seconds, everySeconds } = JSON.parse(process.argv[2] ?? "") as SoakLoad;
const CONNECTIONS = 50;
/** Without an answer by then it was lost. */
const LAST_ANSWERS_MS = 10_000;

interface Connection {
  readonly socket: Socket;
  /** When the request under way should have left; below 0: none. */
  dueAt: number;
  answer: Buffer | null;
}

let errors = new Map<string, number>();
const fail = (what: string): void => void errors.set(what, (errors.get(what) ?? 0) + 1);

/** One kind of request, with connections of its own. */
class Kind {
  readonly #request: Buffer;
  readonly #status: string;
  readonly #free: Connection[] = [];
  readonly #waiting: number[] = [];
  #took: number[] = [];
  underWay = 0;

  constructor(path: string, status: string) {
    this.#request = rawPost(port, path, body);
    this.#status = status;
  }

  open(): Promise<void> {
    return new Promise((done) => {
      const socket = connect({ host: "127.0.0.1", port, noDelay: true });
      const connection: Connection = { socket, dueAt: -1, answer: null };
      socket.once("connect", () => {
        this.#idle(connection);
        done();
      });
      socket.on("data", (chunk: Buffer) => this.#read(connection, chunk));
      let why = "a connection was closed";
      socket.on("error", (error) => {
        why = error.message;
      });
      socket.on("close", () => {
        if (connection.dueAt >= 0) {
          fail(why);
          this.underWay--;
        }
        const at = this.#free.indexOf(connection);
        if (at >= 0) this.#free.splice(at, 1);
        if (!over) setTimeout(() => void this.open(), 100);
        done();
      });
    });
  }

  send(dueAt: number): void {
    this.underWay++;
    const connection = this.#free.shift();
    if (connection === undefined) this.#waiting.push(dueAt);
    else this.#write(connection, dueAt);
  }

  #write(connection: Connection, dueAt: number): void {
    connection.dueAt = dueAt;
    connection.socket.write(this.#request);
  }

  #idle(connection: Connection): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(connection);
    else this.#write(connection, next);
  }

  #read(connection: Connection, chunk: Buffer): void {
    const answer = connection.answer === null ? chunk : Buffer.concat([connection.answer, chunk]);
    const status = statusOfWhole(answer);
    connection.answer = status === null ? answer : null;
    if (status === null) return;
    this.underWay--;
    this.#took.push(performance.now() - connection.dueAt);
    if (status !== this.#status) fail(`status ${status}`);
    connection.dueAt = -1;
    this.#idle(connection);
  }

  /** Of what was answered since it was last asked. */
  times(): Times | null {
    const took = Float64Array.from(this.#took).sort();
    this.#took = [];
    if (took.length === 0) return null;
    return { answered: took.length, p50Ms: quantile(took, 0.5), p99Ms: quantile(took, 0.99) };
  }
}

let over = false;
const kinds = [new Kind(paths.sync, "200"), new Kind(paths.async, "202")] as const;
await Promise.all(kinds.flatMap((kind) => Array.from({ length: CONNECTIONS }, () => kind.open())));
const startAt = performance.now();
const total = Math.round(rate * seconds);
let sent = 0;
let said = 0;

function say(): void {
  const line: SoakSaid = {
    second: ++said * everySeconds,
    sync: kinds[0].times(),
    async: kinds[1].times(),
    errors: [...errors].map(([what, count]) => `${count} × ${what}`),
  };
  errors = new Map();
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function turn(): void {
  const now = performance.now();
  for (
    let dueAt = startAt + (sent * 1000) / rate;
    sent < total && dueAt <= now;
    dueAt = startAt + (sent * 1000) / rate
  ) {
    kinds[sent++ % 2 === 0 ? 0 : 1].send(dueAt);
  }
  const answered = kinds.every(({ underWay }) => underWay === 0);
  if (sent === total && (answered || now > startAt + seconds * 1000 + LAST_ANSWERS_MS)) return finish();
  if (now - startAt >= (said + 1) * everySeconds * 1000) say();
  setTimeout(turn, 1);
}

function finish(): void {
  over = true;
  const lost = kinds.reduce((sum, { underWay }) => sum + underWay, 0);
  if (lost > 0) errors.set("without an answer", lost);
  say();
  process.stdout.write("", () => process.exit(0));
}
turn();
