import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { OutriggerEvent } from "../../../src/core/events.ts";
import { startSidecar } from "../../help/sidecar.ts";
import { type FuzzApp, startFuzzApp } from "./app.ts";
import { ROUTES } from "./cases.ts";

/** The whole sidecar in front of the app of the fuzz, in this process: so that what is left over can be counted. */
export interface Rig {
  readonly port: number;
  readonly app: FuzzApp;
  /** Resolves with true once all that was stored has been sent, or is dead. */
  sentAll(): Promise<boolean>;
  /** Jobs that ended without an answer, be it that the app closed the connection under them, since the last call. */
  lost(): number;
  /** What is still held, as text; null once nothing is. */
  leftOver(): Promise<string | null>;
  /** Bytes that the program holds, garbage apart. */
  heldBytes(): number;
  stop(): Promise<void>;
}

const route = (mode: string): string => `
      ${mode}:
        mode: ${mode}
        path: /${mode}
        match: { path: "/${mode}/*" }
        timeout: 2s
        response: { max: 64KiB }
        retry: { attempts: 1 }
        breaker: { enabled: false }`;

export async function startRig(): Promise<Rig> {
  const app = await startFuzzApp();
  const sidecar = await startSidecar(`
limits: { min_timeout: 100ms }
apps:
  fuzz:
    owner: dev@fuzz.example
    url: "http://127.0.0.1:${app.port}"
    webhooks:${ROUTES.map(route).join("")}
`);
  let waiting = 0;
  let lost = 0;
  sidecar.app.bus.on((event) => {
    const { type } = event;
    if (event.type === "dlq.added" && event.reason === "attempts_exhausted") lost++;
    if (type === "delivery.queued") waiting++;
    else if (type === "delivery.delivered" || type === "dlq.added") waiting--;
    // The helper keeps every event for tests that ask for past ones.
    (sidecar.events as OutriggerEvent[]).length = 0;
  });
  const left = (): string | null => {
    const held = {
      connections: sidecar.app.connections(),
      "requests in flight": sidecar.app.inFlight(),
      "bytes of bodies": sidecar.app.heldBytes(),
    };
    const found = Object.entries(held).filter(([, count]) => count !== 0);
    return found.length === 0 ? null : found.map(([what, count]) => `${count} ${what}`).join(", ");
  };
  return {
    port: sidecar.port,
    app,
    sentAll: () => within(() => waiting === 0),
    lost: () => {
      const count = lost;
      lost = 0;
      return count;
    },
    leftOver: async () => ((await within(() => left() === null)) ? null : left()),
    heldBytes: () => {
      collectGarbage();
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    },
    stop: async () => {
      await sidecar.stop();
      await app.stop();
    },
  };
}

const PATIENCE_MS = 10_000;

/** Turns of the loop until it is so; false where it does not come to be. */
export async function within(so: () => boolean): Promise<boolean> {
  const until = performance.now() + PATIENCE_MS;
  while (!so()) {
    if (performance.now() > until) return false;
    await new Promise(setImmediate);
  }
  return true;
}

function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  gc();
  gc();
}
