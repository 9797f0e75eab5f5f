import { connect, type Socket } from "node:net";
import type { OpenLoopOptions, OpenLoopResult } from "./open-loop.ts";
import { rawPost, statusOfWhole } from "./raw-answer.ts";
import { quantile } from "./statistics.ts";

/**
 * An open-loop client: requests leave by the clock, at a fixed rate, whether or not earlier ones were answered; a
 * request's time counts from when it should have left. So a proxy that stalls is charged for all who had to wait for
 * it, and not just for one per connection (coordinated omission). It reads HTTP just well enough for the answers of
 * this harness, over plain sockets, so that the client's own time stays small, and it spins rather than sleeps: timers
 * are a millisecond coarse, as much as what is measured.
 */

interface Connection {
  readonly socket: Socket;
  /** When the request under way should have left; below 0: none. */
  dueAt: number;
  /** Of the answer under way, as far as it came. */
  answer: Buffer | null;
}

const given = JSON.parse(process.argv[2] ?? "") as OpenLoopOptions;
const request = rawPost(given.port, given.path, given.body);
const intervalMs = 1000 / given.rate;
const warmUp = Math.round(given.rate * given.warmUpSeconds);
const total = warmUp + Math.round(given.rate * given.seconds);

const free: Connection[] = [];
/** Requests whose time came while every connection was busy. */
const waiting: number[] = [];
const took = new Float64Array(total);
let sent = 0;
let answered = 0;
let lateMs = 0;
const errors = new Map<string, number>();

function open(): Promise<Connection> {
  return new Promise((done) => {
    const socket = connect({ host: "127.0.0.1", port: given.port, noDelay: true });
    const connection: Connection = { socket, dueAt: -1, answer: null };
    socket.once("connect", () => done(connection));
    socket.on("data", (chunk: Buffer) => read(connection, chunk));
    socket.on("error", (error) => fail(error.message));
    socket.on("close", () => fail("a connection was closed"));
  });
}

function fail(what: string): void {
  if (answered < total) errors.set(what, (errors.get(what) ?? 0) + 1);
}

function send(connection: Connection, dueAt: number): void {
  connection.dueAt = dueAt;
  connection.socket.write(request);
}

function read(connection: Connection, chunk: Buffer): void {
  const answer = connection.answer === null ? chunk : Buffer.concat([connection.answer, chunk]);
  const status = statusOfWhole(answer);
  if (status === null) {
    connection.answer = answer;
    return;
  }
  connection.answer = null;
  took[answered++] = performance.now() - connection.dueAt;
  if (status !== "200") fail(`status ${status}`);
  connection.dueAt = -1;
  const next = waiting.shift();
  if (next === undefined) free.push(connection);
  else send(connection, next);
}

function finish(): void {
  // What was answered during the warm-up came first, near enough: answers keep the order of sending but for a few.
  const measured = took.subarray(warmUp, answered).toSorted();
  const result: OpenLoopResult = {
    answered: measured.length,
    errors: [...errors].map(([what, count]) => `${count} × ${what}`),
    p50Ms: quantile(measured, 0.5),
    p90Ms: quantile(measured, 0.9),
    p99Ms: quantile(measured, 0.99),
    maxMs: measured.at(-1) ?? 0,
    lateMs,
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
  process.exit(0);
}

const connections = await Promise.all(Array.from({ length: given.connections }, open));
free.push(...connections);
const startAt = performance.now();
const giveUpAt = startAt + total * intervalMs + 10_000;

function turn(): void {
  const now = performance.now();
  for (let dueAt = startAt + sent * intervalMs; sent < total && dueAt <= now; dueAt = startAt + sent * intervalMs) {
    if (sent >= warmUp) lateMs = Math.max(lateMs, now - dueAt);
    sent++;
    const connection = free.shift();
    if (connection === undefined) waiting.push(dueAt);
    else send(connection, dueAt);
  }
  if (answered === total) finish();
  else if (now > giveUpAt || errors.size > 0) {
    if (answered < total && errors.size === 0) errors.set("without an answer", total - answered);
    if (answered <= warmUp) throw new Error([...errors.keys()].join(", "));
    finish();
  } else setImmediate(turn);
}
turn();
