import type { Clock } from "../../core/clock.ts";
import type { Io } from "../command.ts";
import { modulePath, startChild } from "./child.ts";
import { type Frozen, freeze } from "./freeze.ts";
import type { AppReport, Behaviour, Done, Order } from "./toy-app.messages.ts";

/** The toy app as the demo holds it: a process of its own that takes orders. */
export interface ToyApp {
  readonly port: number;
  readonly pid: number;
  /** Resolves once it behaves so. */
  behave(as: Behaviour): Promise<void>;
  report(): Promise<AppReport>;
  /** Stops its process (SIGSTOP): it keeps its connections and does nothing, orders included, until `thaw`. */
  freeze(): void;
  thaw(): void;
  /** Kills it, as a crash would: no goodbye to anyone. Resolves when it is gone. */
  kill(): Promise<void>;
}

export interface ToyAppOptions {
  readonly secret: string;
  /** 0: a free port. */
  readonly port: number;
  readonly env: Io["env"];
  readonly clock: Clock;
  readonly onDeath: (how: string) => void;
}

/** Starts the toy app and waits until it listens. Rejects where it cannot, as when the port is taken. */
export async function startToyApp(options: ToyAppOptions): Promise<ToyApp> {
  const { secret, port, env, clock, onDeath } = options;
  const child = await startChild({ what: "the toy app", args: [modulePath("./toy-app")], env, clock, onDeath });

  // Orders go one at a time, so that the next message is the answer to the last order.
  let last: Promise<unknown> = Promise.resolve();
  const order = (message: Order): Promise<Done> => {
    const answered = last.then(() => exchange(message));
    last = answered.catch(() => undefined);
    return answered;
  };
  const exchange = async (message: Order): Promise<Done> => {
    const answer = new Promise<Done>((resolve) => void child.process.once("message", (done) => resolve(done as Done)));
    if (child.process.connected) child.process.send(message);
    const done = await Promise.race([answer, child.exited]);
    if (!("type" in done)) throw new Error("the toy app is gone");
    if (done.type === "failed") throw new Error(`the toy app could not ${message.type}: ${done.why}`);
    return done;
  };

  const listening = await order({ type: "listen", port, secret }).catch(async (error: unknown) => {
    await child.end("SIGKILL");
    throw error;
  });
  let frozen: Frozen | null = null;
  const thaw = (): void => {
    frozen?.thaw();
    frozen = null;
  };
  return {
    port: listening.type === "listening" ? listening.port : port,
    pid: child.pid,
    behave: async (as) => {
      await order({ type: "behave", as });
    },
    report: async () => {
      const done = await order({ type: "report" });
      if (done.type !== "report") throw new Error("the toy app answered something else");
      return done.report;
    },
    freeze() {
      frozen ??= freeze(child);
    },
    thaw,
    kill: async () => {
      await child.end("SIGKILL");
      thaw();
    },
  };
}
