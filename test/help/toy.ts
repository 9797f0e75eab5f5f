import type { ServerResponse } from "node:http";
import { type Behaviour, type Got, startTestApp, type TestApp } from "./app.ts";
import { createToyLedger, isProbe, type ToyRecord } from "./toy.ledger.ts";

/**
 * An upstream that can be told how to be, for tests of health and failover: a real HTTP server on a port of its own,
 * at which it comes back. In this process ({@link startToy}), or in one of its own (`toy.process.ts`), which can also
 * be stopped and killed.
 */
export interface Toy extends ToyRecord {
  readonly name: string;
  readonly port: number;
  readonly url: string;
  /** From the next request on; after `refuse` it listens again, at the same port. Resolves once it is so. */
  behave(mood: ToyMood): Promise<void>;
  /** How `/health` answers, from the next probe on. */
  health(as: ToyHealth): Promise<void>;
  /** Answers well all that it let hang. */
  release(): Promise<void>;
  /** Connections that are open now end; twice is safe. */
  stop(): Promise<void>;
}

export type ToyMood =
  | { readonly kind: "well" }
  | { readonly kind: "status"; readonly status: number }
  /** Takes a request and says nothing, until {@link Toy.release}. */
  | { readonly kind: "hang" }
  | { readonly kind: "slow"; readonly ms: number }
  /** Every n-th call since it was told so is answered 500, the others well. */
  | { readonly kind: "one_in"; readonly n: number }
  /** Reads a request and resets the connection. */
  | { readonly kind: "reset" }
  /** Nothing listens; connections that were open are cut, with what was under way on them. */
  | { readonly kind: "refuse" };

/**
 * `follows`: as calls are answered, with `healthy` or `unhealthy` as `status` in its JSON; `one_in` is healthy. The
 * others hold whatever the mood, but for `refuse`. `unhealthy` is a 503, `missing` a 404.
 */
export type ToyHealth =
  | "follows"
  | "healthy"
  | "degraded"
  | "unhealthy"
  | "missing"
  | "hang"
  | { readonly status: number; readonly json: unknown };

/** What it does with one request. */
export type ToyAnswer =
  | { readonly kind: "answer"; readonly status: number; readonly json: unknown; readonly afterMs: number }
  | { readonly kind: "hang" }
  | { readonly kind: "reset" };

export const WELL: ToyMood = { kind: "well" };

/** Starts well, on a port that stays its own. */
export async function startToy(name: string, at?: number): Promise<Toy> {
  const ledger = createToyLedger();
  const toy = await openToy(name, (got, answer) => ledger.add(got, answer), at);
  return { ...ledger, ...toy };
}

/** What {@link Toy} is without its record: `seen` is told of each request before it is answered. */
export async function openToy(
  name: string,
  seen: (got: Got, answer: ToyAnswer) => void,
  at?: number,
): Promise<Omit<Toy, keyof ToyRecord>> {
  let mood = WELL;
  let health: ToyHealth = "follows";
  let calls = 0;
  const held = new Set<() => void>();
  const timers = new Set<NodeJS.Timeout>();

  const give = (res: ServerResponse, status: number, json: unknown): void => {
    if (res.closed) return;
    res.writeHead(status, { "Content-Type": "application/json", "X-Toy": name });
    res.end(JSON.stringify(json));
  };
  const onRequest: Behaviour = (got, res) => {
    const probe = isProbe(got);
    const answer = probe ? probeAnswer(health, mood) : callAnswer(name, mood, ++calls);
    seen(got, answer);
    if (answer.kind === "reset") return void res.socket?.resetAndDestroy();
    if (answer.kind === "hang") {
      const free = (): void => give(res, 200, probe ? { status: "healthy" } : { from: name });
      held.add(free);
      return void res.once("close", () => held.delete(free));
    }
    const { status, json, afterMs } = answer;
    if (afterMs === 0) return give(res, status, json);
    const timer = setTimeout(() => {
      timers.delete(timer);
      give(res, status, json);
    }, afterMs);
    timers.add(timer);
  };

  const listen = (port: number): Promise<TestApp> => startTestApp(onRequest, port);
  let app: TestApp | null = at === undefined ? await listenSomewhere(listen) : await listen(at);
  const { port, url } = app;
  const close = async (): Promise<void> => {
    for (const timer of timers) clearTimeout(timer);
    timers.clear();
    await app?.stop();
    app = null;
  };
  return {
    name,
    port,
    url,
    async behave(next) {
      mood = next;
      calls = 0;
      if (next.kind === "refuse") await close();
      else app ??= await listen(port);
    },
    async health(as) {
      health = as;
    },
    async release() {
      for (const free of held) free();
    },
    stop: close,
  };
}

/** `n` counts calls since the mood began, from 1. */
function callAnswer(name: string, mood: ToyMood, n: number): ToyAnswer {
  const json = { from: name };
  switch (mood.kind) {
    case "hang":
    case "reset":
      return { kind: mood.kind };
    case "status":
      return { kind: "answer", status: mood.status, json, afterMs: 0 };
    case "slow":
      return { kind: "answer", status: 200, json, afterMs: mood.ms };
    case "one_in":
      return { kind: "answer", status: n % mood.n === 0 ? 500 : 200, json, afterMs: 0 };
    default:
      return { kind: "answer", status: 200, json, afterMs: 0 };
  }
}

function probeAnswer(health: ToyHealth, mood: ToyMood): ToyAnswer {
  const answer = (status: number, json: unknown, afterMs = 0): ToyAnswer => ({ kind: "answer", status, json, afterMs });
  if (typeof health === "object") return answer(health.status, health.json);
  switch (health) {
    case "healthy":
    case "degraded":
      return answer(200, { status: health });
    case "unhealthy":
      return answer(503, { status: health });
    case "missing":
      return answer(404, { error: "no such page" });
    case "hang":
      return { kind: "hang" };
    default:
      if (mood.kind === "hang" || mood.kind === "reset") return { kind: mood.kind };
      if (mood.kind === "status") return answer(mood.status, { status: mood.status < 400 ? "healthy" : "unhealthy" });
      return answer(200, { status: "healthy" }, mood.kind === "slow" ? mood.ms : 0);
  }
}

/**
 * Below the ports that the kernel gives to connections: else one could take this port while nothing listens there, or
 * a caller be connected to itself. Each process of the tests begins elsewhere.
 */
const FIRST_PORT = 20_000;
const PORTS = 12_000;
const PORTS_EACH = 12;
let next = FIRST_PORT + (process.pid % (PORTS / PORTS_EACH)) * PORTS_EACH;

async function listenSomewhere(listen: (port: number) => Promise<TestApp>): Promise<TestApp> {
  for (let tries = 0; ; tries++) {
    const port = next;
    next = FIRST_PORT + ((next - FIRST_PORT + 1) % PORTS);
    try {
      return await listen(port);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE" || tries === PORTS) throw error;
    }
  }
}
