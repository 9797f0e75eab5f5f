import { Agent, type IncomingMessage, request } from "node:http";
import type { Clock } from "../../core/clock.ts";
import { headerValue, type RawHeaders } from "../../core/headers.ts";

/** A webhook that a platform calls, and how long it is willing to wait. */
export interface Hook {
  readonly capability: string;
  /** The path at the proxy. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** The manifest's `timeout` for this capability: an answer is in time within this and the grace. */
  readonly timeoutMs: number;
}

/** What a caller saw, timed from the call to the last byte. */
export interface Seen {
  readonly hook: Hook;
  readonly ms: number;
  /** 0 where no answer came: then `lost` says why. */
  readonly status: number;
  readonly headers: RawHeaders;
  readonly body: Buffer;
  /** From `Outrigger-Outcome`: what became of the call, why, and which fallback answered; empty where it is not said. */
  readonly outcome: string;
  readonly reason: string;
  readonly strategy: string;
  readonly lost: string | null;
}

export interface Caller {
  /** Calls once. Never rejects: a call without an answer is what the demo is there to find. */
  call(hook: Hook): Promise<Seen>;
  /** Calls all of them, `atOnce` at a time; `onSeen` hears of each. Rejects when `signal` ends it. */
  callAll(hooks: readonly Hook[], atOnce: number, onSeen?: (seen: Seen) => void): Promise<readonly Seen[]>;
  close(): void;
}

/** A caller gives up long after any promise is broken, so that a lost call is seen as one. */
const GIVE_UP_MS = 5_000;
/** Below the time after which servers close idle connections, so that a call never meets one being closed. */
const IDLE_MS = 1_500;

/** A platform's HTTP client. `origin` is `host:port`; `signal` ends what is under way. */
export function createCaller(origin: string, clock: Clock, signal: AbortSignal): Caller {
  const agent = new Agent({ keepAlive: true, timeout: IDLE_MS });
  const call = (hook: Hook): Promise<Seen> => callOnce(origin, hook, { clock, signal, agent });
  return {
    call,
    async callAll(hooks, atOnce, onSeen) {
      const seen: Seen[] = [];
      const left = hooks.values();
      const work = async (): Promise<void> => {
        for (const hook of left) {
          const one = await call(hook);
          seen.push(one);
          onSeen?.(one);
          // A call cut short by the end of the demo says nothing about anybody.
          signal.throwIfAborted();
        }
      };
      await Promise.all(Array.from({ length: atOnce }, work));
      return seen;
    },
    close: () => agent.destroy(),
  };
}

interface Means {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly agent: Agent;
}

function callOnce(origin: string, hook: Hook, { clock, signal, agent }: Means): Promise<Seen> {
  return new Promise((resolve) => {
    const startedAt = clock.now();
    const req = request(`http://${origin}${hook.path}`, {
      method: "POST",
      agent,
      signal,
      headers: { "Content-Type": "application/json", ...hook.headers, "Content-Length": hook.body.length },
    });
    const patience = clock.after(hook.timeoutMs + GIVE_UP_MS, () => req.destroy(new Error("no answer")), undefined);
    const done = (seen: Omit<Seen, "hook" | "ms">): void => {
      clock.cancel(patience);
      resolve({ hook, ms: clock.now() - startedAt, ...seen });
    };
    req.on("error", (error) => done(lost(error.message)));
    req.on("response", (res) => {
      const chunks: Buffer[] = [];
      res.on("data", (chunk: Buffer) => chunks.push(chunk));
      res.on("error", (error) => done(lost(error.message)));
      res.on("end", () => done(answered(res, Buffer.concat(chunks))));
    });
    req.end(hook.body);
  });
}

function lost(why: string): Omit<Seen, "hook" | "ms"> {
  return {
    status: 0,
    headers: [],
    body: Buffer.alloc(0),
    outcome: "",
    reason: "",
    strategy: "",
    lost: why,
  };
}

function answered(res: IncomingMessage, body: Buffer): Omit<Seen, "hook" | "ms"> {
  const headers = res.rawHeaders;
  const [outcome = "", ...parameters] = (headerValue(headers, "outrigger-outcome") ?? "").split(";");
  const parameter = (name: string): string =>
    parameters.find((p) => p.startsWith(`${name}=`))?.slice(name.length + 1) ?? "";
  return {
    status: res.statusCode ?? 0,
    headers,
    body,
    outcome,
    reason: parameter("reason"),
    strategy: parameter("strategy"),
    lost: null,
  };
}
