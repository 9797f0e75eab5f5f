import { writeFileSync } from "node:fs";
import { Agent, type IncomingMessage, request } from "node:http";
import { type FailoverLoad, type FailoverSaid, FROM_HEADER, ID_HEADER, type Role, type Sample } from "./failover.ts";

/**
 * An open-loop client that goes on through failures: requests leave by the clock whether or not earlier ones were
 * answered, each on a connection of its own if all are taken, and each ends with an answer or a reason. It also makes
 * the fault, so that both are told by one clock. Timers are a millisecond coarse; what is measured here is not.
 */

const load = JSON.parse(process.argv[2] ?? "") as FailoverLoad;
const { port, path, body, rate, timeoutMs, fault, file } = load;
const total = Math.round(rate * load.seconds);
const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
const samples: Sample[] = [];
const startAt = performance.now();
const sinceStart = (): number => performance.now() - startAt;
let sent = 0;
let lateMs = 0;
let faultMs: number | null = null;

function send(id: number, dueMs: number): void {
  const headers = {
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(body),
    [ID_HEADER]: String(id),
  };
  const call = request({ host: "127.0.0.1", port, path, method: "POST", headers, agent });
  let over = false;
  const end = (status: number | null, from: Role | null, why: string | null): void => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    samples.push({ dueMs, endMs: sinceStart(), status, from, why });
    if (samples.length === total) finish();
  };
  const timer = setTimeout(
    () => {
      end(null, null, `no answer in ${timeoutMs / 1000} s`);
      call.destroy();
    },
    Math.max(0, dueMs + timeoutMs - sinceStart()),
  );
  call.on("error", (error: NodeJS.ErrnoException) => end(null, null, error.code ?? error.message));
  call.on("response", (answer) => {
    answer.on("error", (error: NodeJS.ErrnoException) => end(null, null, error.code ?? error.message));
    answer.resume().on("end", () => end(answer.statusCode ?? null, roleOf(answer), null));
  });
  call.end(body);
}

function roleOf(answer: IncomingMessage): Role | null {
  const from = answer.headers[FROM_HEADER];
  return from === "primary" || from === "backup" ? from : null;
}

function turn(): void {
  const now = sinceStart();
  if (faultMs === null && now >= fault.atMs) {
    process.kill(fault.pid, fault.signal);
    faultMs = sinceStart();
  }
  for (let dueMs = (sent * 1000) / rate; sent < total && dueMs <= now; dueMs = (sent * 1000) / rate) {
    lateMs = Math.max(lateMs, now - dueMs);
    send(sent++, dueMs);
  }
  if (sent < total) setTimeout(turn, 1);
}

function finish(): void {
  writeFileSync(file, JSON.stringify(samples));
  const said: FailoverSaid = { faultMs: faultMs ?? fault.atMs, lateMs };
  process.stdout.write(`${JSON.stringify(said)}\n`, () => process.exit(0));
}

turn();
