import { once } from "node:events";
import { Session } from "node:inspector/promises";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { startSidecar } from "../help/sidecar.ts";

/**
 * Counts what is allocated in `src/` for a request of one kind: a process of its own, since a sampling heap profiler
 * that takes each object sees all that runs beside. Prints objects and bytes a request, and the functions that make most.
 * With `--no-opt` nothing depends on when the compiler inlines what; numbers that it would keep in registers count, too.
 */

export interface Allocated {
  readonly objects: number;
  readonly bytes: number;
  /** `objects path function`, a request. */
  readonly most: readonly string[];
}

/** What the profiler says (Chrome DevTools protocol, HeapProfiler.SamplingHeapProfile): the types of Node lack the samples. */
interface Profile {
  readonly head: Node;
  readonly samples: readonly { readonly nodeId: number }[];
}
interface Node {
  readonly id: number;
  readonly callFrame: { readonly url: string; readonly functionName: string };
  readonly selfSize: number;
  readonly children: readonly Node[];
}

const capability = process.argv[2] ?? "";
const WARM_UP = 50;
const REQUESTS = 200;
const SOURCE = fileURLToPath(new URL("../../src/", import.meta.url));
/** Left out: how many buckets it counts up, and so boxes, is a matter of how long a call took. */
const BY_DURATION = "observe/metrics.family.ts observe";
const BODY = JSON.stringify({ text: "x".repeat(1_000) });
const ANSWER = '{"success":true,"data":{"ok":true}}';

const answer = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${ANSWER.length}\r\n\r\n${ANSWER}`,
);
const upstream = createServer((socket) => {
  socket.on("error", () => socket.destroy());
  socket.on("data", () => socket.write(answer));
}).listen(0, "127.0.0.1");
await once(upstream, "listening");

const sidecar = await startSidecar(`
apps:
  quiz:
    owner: dev@quiz.example
    url: "http://127.0.0.1:${(upstream.address() as AddressInfo).port}"
    sign: { scheme: standard-webhooks, secrets: ["whsec_${Buffer.alloc(32, 7).toString("base64")}"] }
    webhooks:
      answer: /answer
      later: { path: /later, mode: async }
`);
const request = Buffer.from(
  `POST /quiz/${capability} HTTP/1.1\r\nHost: sidecar.example\r\nContent-Type: application/json\r\n` +
    `Content-Length: ${BODY.length}\r\n\r\n${BODY}`,
);

let sent = 0;

/** One after the other, until what the last leads to is over. */
async function send(socket: Socket, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    socket.write(request);
    const [said] = (await once(socket, "data")) as [Buffer];
    if (!/^HTTP\/1\.1 20[02] /.test(said.toString("latin1", 0, 13))) throw new Error(said.toString());
  }
  sent += count;
  let seen = 0;
  await sidecar.event(capability === "later" ? "delivery.delivered" : "request.completed", () => ++seen === sent);
}

function sumUp({ head, samples }: Profile): Allocated {
  const objects = new Map<number, number>();
  for (const { nodeId } of samples) objects.set(nodeId, (objects.get(nodeId) ?? 0) + 1);
  const functions = new Map<string, number>();
  let bytes = 0;
  const visit = ({ id, callFrame, selfSize, children }: Node): void => {
    const path = callFrame.url.startsWith("file:") ? fileURLToPath(callFrame.url) : "";
    const name = `${path.slice(SOURCE.length)} ${callFrame.functionName}`;
    if (path.startsWith(SOURCE) && name !== BY_DURATION) {
      functions.set(name, (functions.get(name) ?? 0) + (objects.get(id) ?? 0));
      bytes += selfSize;
    }
    for (const child of children) visit(child);
  };
  visit(head);
  const sorted = [...functions].sort(([, a], [, b]) => b - a);
  const all = sorted.reduce((sum, [, count]) => sum + count, 0);
  const most = sorted.slice(0, 15).map(([name, count]) => `${(count / REQUESTS).toFixed(1)} ${name}`);
  return { objects: all / REQUESTS, bytes: bytes / REQUESTS, most };
}

const socket = connect({ port: sidecar.port, host: "127.0.0.1", noDelay: true });
await once(socket, "connect");
await send(socket, WARM_UP);
const session = new Session();
session.connect();
await session.post("HeapProfiler.startSampling", {
  samplingInterval: 1,
  includeObjectsCollectedByMajorGC: true,
  includeObjectsCollectedByMinorGC: true,
});
await send(socket, REQUESTS);
const { profile } = await session.post("HeapProfiler.stopSampling");
process.stdout.write(`${JSON.stringify(sumUp(profile as unknown as Profile))}\n`);
socket.destroy();
await sidecar.stop();
upstream.close();
