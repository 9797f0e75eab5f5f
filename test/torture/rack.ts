import type { Random } from "../../src/core/random.ts";
import type { ClientsNews, ClientsOrder, ClientsTally } from "./clients.program.ts";
import { machineMs, type Outage } from "./facts.ts";
import type { Program } from "./program.ts";
import type { Sidecar } from "./sidecar.ts";
import type { Violation } from "./violation.ts";

/** What a scenario tortures with. All waits are bounded: one that is not met ends the scenario with an error. */
export interface Rack {
  readonly random: Random;
  readonly sidecar: Sidecar;
  readonly outages: readonly Outage[];
  readonly violations: readonly Violation[];
  readonly kills: number;
  /** Of those: before it was ready. */
  readonly startKills: number;
  say(line: string): void;
  /** For a random time between the two, in milliseconds. */
  wait(from: number, to: number): Promise<void>;
  /** Starts the next life. `mayEnd`: an end of its own before it is ready is no violation; tells whether it came up. */
  start(): void;
  tryStart(): Promise<boolean>;
  /** Until the current life is ready. */
  up(): Promise<void>;
  /** SIGKILL now, whatever it is doing. */
  kill(): Promise<void>;
  /** So many requests at once, beside those that leave by the clock. */
  burst(requests: number): void;
  /** Until another request is acknowledged. */
  flowing(): Promise<void>;
  /** Until another request is answered 503, or `ms` have passed. */
  refusing(ms: number): Promise<void>;
  /** From now until requests are acknowledged after `during`, which takes away and gives back. */
  outage(kind: Outage["kind"], during: () => Promise<void>): Promise<void>;
}

const READY_MS = 60_000;
const FLOW_MS = 90_000;

export function createRack(
  sidecar: Sidecar,
  clients: Program<ClientsOrder, ClientsNews>,
  random: Random,
  say: (line: string) => void,
): Rack {
  const outages: Outage[] = [];
  const violations: Violation[] = [];
  let kills = 0;
  let startKills = 0;
  let ready = false;

  function launch(mayEnd: boolean): void {
    const start = sidecar.start();
    let wasReady = false;
    ready = false;
    start.ready.then(
      () => {
        wasReady = true;
        if (sidecar.current() === start) ready = true;
      },
      () => {},
    );
    void start.ended.then((how) => {
      if (how === null || (mayEnd && !wasReady)) return;
      violations.push({ kind: "process", evidence: `life ${start.n} ended by itself: ${how}` });
    });
  }

  const tally = async (wanted: (tally: ClientsTally) => boolean): Promise<ClientsTally> =>
    (await clients.heard("tally", (news) => wanted(news.tally))).tally;
  const refusals = (tally: ClientsTally): number => tally.refused["503"] ?? 0;

  const rack: Rack = {
    random,
    sidecar,
    outages,
    violations,
    get kills() {
      return kills;
    },
    get startKills() {
      return startKills;
    },
    say,
    wait: (from, to) => pause(from + random.float() * (to - from)),
    start: () => launch(false),
    async tryStart() {
      launch(true);
      return await sidecar.current().ready.then(
        () => true,
        () => false,
      );
    },
    async up() {
      await within(READY_MS, "the sidecar was not ready", sidecar.current().ready);
    },
    async kill() {
      kills++;
      if (!ready) startKills++;
      await sidecar.current().kill();
    },
    burst: (requests) => clients.tell({ kind: "burst", requests }),
    async flowing() {
      const { acknowledged } = await tally(() => true);
      const more = tally((now) => now.acknowledged > acknowledged);
      await within(FLOW_MS, "no request was acknowledged", more);
    },
    async refusing(ms) {
      const before = refusals(await tally(() => true));
      await Promise.race([tally((now) => refusals(now) > before), pause(ms)]);
    },
    async outage(kind, during) {
      const from = machineMs();
      try {
        await during();
        await rack.flowing();
      } finally {
        outages.push({
          kind,
          from,
          to: machineMs(),
          ...(sidecar.replica !== undefined && { replica: sidecar.replica }),
        });
      }
    },
  };
  return rack;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What `waited` gives; rejects, saying `what`, after `ms`. */
export async function within<T>(ms: number, what: string, waited: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`${what} within ${ms / 1000} s`)), ms);
  try {
    return await Promise.race([waited, promise]);
  } finally {
    clearTimeout(timer);
  }
}
