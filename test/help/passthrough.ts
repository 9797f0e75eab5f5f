import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Clock } from "../../src/core/clock.ts";
import { systemClock } from "../../src/core/clock.ts";
import { endToEnd } from "../../src/core/headers.ts";
import { responseOn } from "../../src/proxy/passthrough.out.ts";
import type { PassthroughExchange, PassthroughResult } from "../../src/proxy/passthrough.relay.ts";
import { createPassthrough, createPassthroughAgent } from "../../src/proxy/passthrough.ts";
import { dropStalled } from "../../src/proxy/stalled.ts";
import { refusalBytes } from "../../src/proxy/wire.refusal.ts";
import { isWebSocket, prepareServer, serverOptions } from "../../src/proxy/wire.server.ts";
import { checkRequest, parseTarget } from "../../src/proxy/wire.ts";
import { createConnector } from "../../src/upstream/connect.ts";
import { LIMITS } from "../wire/limits.ts";
import { ANYWHERE, upstreamOf } from "./peers.ts";
import { parseMessages } from "./raw.ts";

/** The passthrough with just enough of a listener in front of it: no routes, one upstream. */
export interface PassthroughHost {
  readonly port: number;
  /** What became of the requests, in the order they ended. */
  readonly results: readonly PassthroughResult[];
  /** Resolves once `count` requests have ended. */
  ended(count: number): Promise<readonly PassthroughResult[]>;
  /** Connections to callers that are open now. */
  connections(): Promise<number>;
  close(): void;
  stop(): Promise<void>;
}

export async function startPassthrough(
  upstreamPort: number,
  options: {
    readonly clock?: Clock;
    readonly timeoutMs?: number;
    readonly idleMs?: number;
    readonly totalMs?: number;
    /** To the upstream; 64 unless given. */
    readonly connections?: number;
    /** Bytes that go to each caller ahead of its answer. */
    readonly ahead?: Buffer;
    /** Callers that take nothing are dropped, as at every listener. */
    readonly dropsStalled?: boolean;
  } = {},
): Promise<PassthroughHost> {
  const clock = options.clock ?? systemClock;
  const upstream = upstreamOf(`http://127.0.0.1:${upstreamPort}`);
  const connector = createConnector(upstream, null, () => 1_000, { clock: systemClock, egress: ANYWHERE });
  const agent = createPassthroughAgent(connector.connect, options.connections ?? 64);
  const passthrough = createPassthrough({
    clock,
    idleMs: options.idleMs ?? 60_000,
    totalMs: options.totalMs ?? 3_600_000,
  });
  const results: PassthroughResult[] = [];
  let waiting: { readonly count: number; readonly resolve: (r: readonly PassthroughResult[]) => void }[] = [];
  const settle = (res: ServerResponse, result: PassthroughResult): void => {
    if (!result.headSent) {
      const { fault } = result;
      const status = fault?.reason === "timeout" ? 504 : 502;
      const outcome = `failed;reason=${fault?.reason}`;
      res.writeHead(status, ["Content-Type", "application/problem+json", "Outrigger-Outcome", outcome]);
      res.end(JSON.stringify({ status, ...fault }));
    }
    results.push(result);
    for (const w of waiting) if (results.length >= w.count) w.resolve(results);
    waiting = waiting.filter((w) => results.length < w.count);
  };
  const exchange = (req: IncomingMessage): PassthroughExchange | Buffer => {
    const refused = checkRequest(req, LIMITS);
    if (typeof refused !== "string") return refusalBytes(refused, "test");
    const target = parseTarget(req.url ?? "");
    if (target.kind === "refused") return refusalBytes(target.refusal, "test");
    if (target.kind === "absolute") return refusalBytes(NO_SUCH_HOST, "test");
    return {
      upstream,
      agent,
      path: target.path + target.query,
      headers: endToEnd(req.rawHeaders, new Set(["host", "content-length", "expect", "x-request-id"])),
      host: upstream.authority,
      timeoutMs: options.timeoutMs ?? 5_000,
      answerHeaders: (status) => ["X-Request-ID", "r-1", "Outrigger-Outcome", status < 400 ? "ok" : "declined"],
    };
  };
  const serve = (req: IncomingMessage, res: ServerResponse): void => {
    const x = exchange(req);
    if (x instanceof Uint8Array) {
      const [message] = parseMessages(x).messages;
      res.writeHead(Number(message?.line.split(" ")[1]), [...(message?.headers ?? [])]).end(message?.body);
      return;
    }
    if (req.headers.expect !== undefined) res.writeContinue();
    if (options.ahead !== undefined) req.socket.write(options.ahead);
    void passthrough.web(req, res, x).then((result) => settle(res, result));
  };
  const server = createServer(serverOptions(LIMITS, isWebSocket));
  prepareServer(server, { clock: systemClock, told: () => "test" });
  if (options.dropsStalled === true) dropStalled(server, clock);
  server.on("request", serve).on("checkContinue", serve).on("checkExpectation", serve);
  server.on("upgrade", (req, socket, head) => {
    const x = exchange(req);
    if (x instanceof Uint8Array) return void socket.end(x);
    const res = responseOn(req, socket);
    void passthrough.upgrade(req, socket, head, res, x).then((result) => settle(res, result));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    results,
    ended: (count) =>
      new Promise((resolve) => {
        if (results.length >= count) resolve(results);
        else waiting.push({ count, resolve });
      }),
    connections: () => new Promise((resolve) => server.getConnections((_error, count) => resolve(count))),
    close: () => passthrough.close(),
    stop: async () => {
      passthrough.close();
      agent.destroy();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

const NO_SUCH_HOST = { status: 400, name: "x", title: "x", detail: "x", reason: null, close: true } as const;
