import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { EventBus } from "../core/events.ts";
import { UNROUTED } from "../core/exchange.ts";
import { uuidv7 } from "../core/ids.ts";
import type { Random } from "../core/random.ts";
import type { Address } from "../core/settings.ts";
import type { NewJob, Receipt } from "../spool/port.ts";
import { inTime } from "./acks.ts";
import { ACK_MS } from "./async.ts";
import type { CallShared } from "./call.ts";
import { type Completion, tellRefused } from "./complete.ts";
import type { FindDelivery } from "./deliveries.ts";
import { find, type IntakeDeps, type Routing, takeIn, takeUpgrade } from "./intake.ts";
import type { ServerTls } from "./listener.tls.ts";
import { type Listener, openListener } from "./listener.ts";
import { responseOn } from "./passthrough.out.ts";
import { servePassthrough } from "./passthrough.serve.ts";
import { createPassthrough } from "./passthrough.ts";

export interface ProxyDeps {
  readonly address: Address;
  readonly tls: ServerTls | null;
  readonly shared: CallShared;
  readonly random: Random;
  readonly bus: EventBus;
  readonly routing: () => Routing;
  /** Resolves once the job is safely kept. Rejects where the spool can't. */
  readonly put: (job: NewJob) => Promise<Receipt>;
  readonly findDelivery: FindDelivery;
}

/** Everything of the way in, bound and answering. */
export interface ProxyServer {
  readonly address: string;
  readonly connections: () => number;
  readonly inFlight: () => number;
  /** Connections from now on use this certificate and key; those that stand go on. */
  useTls(tls: ServerTls): void;
  /** Takes nothing new, waits for what is under way for at most `graceMs`, then ends it. Twice is safe. */
  close(graceMs: number): Promise<void>;
}

/** No stream and no WebSocket lasts longer: a forgotten one must end some day. */
const STREAM_MS = 24 * 60 * 60 * 1000;

export async function openProxy(deps: ProxyDeps): Promise<ProxyServer> {
  const { shared, random, bus, routing } = deps;
  const completion: Completion = { bus, inFlight: { count: 0 } };
  const passthrough = createPassthrough({
    clock: shared.clock,
    // Asked by each relay as it begins: a reload may have changed it.
    get idleMs() {
      return routing().limits.requestTimeoutMs;
    },
    totalMs: STREAM_MS,
  });
  const intake: IntakeDeps = {
    shared,
    random,
    completion,
    routing,
    put: inTime(deps.put, ACK_MS, shared.clock),
    lookUp: inTime(async (id) => ({ job: await deps.findDelivery(id) }), ACK_MS, shared.clock),
    servePassthrough: (call, expectsContinue) => {
      if (expectsContinue) call.res.writeContinue();
      return servePassthrough(call, (x) => passthrough.web(call.req, call.res, x), { random, completion });
    },
  };
  const upgrade = (req: IncomingMessage, socket: Socket, head: Buffer): void => {
    const res = responseOn(req, socket);
    takeUpgrade(req, res, intake, (call) =>
      servePassthrough(call, (x) => passthrough.upgrade(req, socket, head, res, x), { random, completion }),
    );
  };
  const upgrades = (req: IncomingMessage): boolean => {
    const found = find(req, routing().router, routing().limits);
    return "plan" in found && found.plan.ref.mode === "passthrough";
  };
  const listener: Listener = await openListener({
    address: deps.address,
    tls: deps.tls,
    limits: () => routing().limits,
    handlers: { request: (req, res, expectsContinue) => takeIn(req, res, expectsContinue, intake), upgrade, upgrades },
    refuser: {
      clock: shared.clock,
      told: (status, reason) => {
        const id = uuidv7(shared.clock, random);
        tellRefused(bus, { at: shared.clock.wall(), route: UNROUTED, id, method: "", reason, status, durationMs: 0 });
        return id;
      },
    },
  });
  return {
    address: listener.address,
    connections: () => listener.connections,
    inFlight: () => completion.inFlight.count,
    useTls: (tls) => listener.useTls(tls),
    close: async (graceMs) => {
      // A WebSocket would keep the listener open for ever.
      const ends = shared.clock.after(graceMs, () => passthrough.close(), undefined);
      await listener.close(graceMs);
      shared.clock.cancel(ends);
      passthrough.close();
    },
  };
}
