import { onTestFinished } from "vitest";
import type { OutriggerEvent } from "../../src/core/events.ts";
import type { RouteName } from "../../src/core/job.ts";
import { createDeliverer, type Deliverer, type DelivererSettings } from "../../src/spool/deliverer.ts";
import { createGoneCounts, type GoneByRoute } from "../../src/spool/gone.ts";
import { createPauses, type Pauses } from "../../src/spool/pauses.ts";
import type { NewJob, Spool } from "../../src/spool/port.ts";
import { createVerifier, type Verification, type Verifier } from "../../src/spool/verifier.ts";
import { newJob, queue } from "../contract/spool.rig.ts";
import { createManualClock, type ManualClock } from "./manual-clock.ts";
import { createSeededRandom } from "./seeded-random.ts";
import { createMemorySpool, type MemorySpool, type MemorySpoolOptions } from "./spool.memory.ts";

/** A deliverer over a spool in memory, and the words that its tests share. */
export interface DelivererRig {
  readonly clock: ManualClock;
  /** What there is in truth, whatever the deliverer is told of it. */
  readonly store: MemorySpool;
  readonly pauses: Pauses;
  /** As they would be found by the next process. */
  readonly gone: () => GoneByRoute;
  readonly deliverer: Deliverer;
  /** Not begun, unless the test does. */
  readonly verifier: Verifier;
  readonly ends: readonly Verification[];
  readonly events: readonly OutriggerEvent[];
  /** Puts `n` jobs and says so; their ids. */
  put(route: RouteName, n?: number, more?: Partial<NewJob>): Promise<string[]>;
  /** Turns the loop until nothing moves any more. */
  settled(): Promise<void>;
  /** Moves the clock on in steps, and lets things settle after each. */
  pass(ms: number, stepMs?: number): Promise<void>;
  /** What was said, as `type app/capability`, of these types. */
  said(...types: readonly OutriggerEvent["type"][]): OutriggerEvent[];
  /** Stops; moves the clock where the stop waits for it. */
  stop(): Promise<void>;
}

export interface RigOptions extends MemorySpoolOptions {
  /** Stands between the deliverer and the store. */
  readonly between?: (store: Spool) => Spool;
  readonly goneCounts?: GoneByRoute;
}

export const SETTINGS: DelivererSettings = { concurrency: 64, perApp: 16, batch: 32 };

/** So many turns without a call, a send or an event: it is at rest. */
const QUIET_TURNS = 4;
const MAX_TURNS = 5_000;
/** The wait before the n-th repeat. */
const backoffMs = (n: number): number => 1_000 * 2 ** (n - 1);

export function delivererRig({
  between = (store) => store,
  goneCounts = {},
  ...options
}: RigOptions = {}): DelivererRig {
  const clock = createManualClock();
  const store = createMemorySpool(clock, createSeededRandom(1), options);
  const events: OutriggerEvent[] = [];
  let moves = 0;
  let kept = goneCounts;
  const gone = createGoneCounts(kept, (counts) => {
    kept = counts;
  });
  const pauses = createPauses([], { save: () => undefined, remove: () => undefined });
  const spool = watched(between(store), () => moves++);
  const emit = (event: OutriggerEvent): void => {
    moves++;
    events.push(event);
  };
  const ends: Verification[] = [];
  const verified = (end: Verification): void => void ends.push(end);
  const verifier = createVerifier({
    spool,
    clock,
    random: createSeededRandom(2),
    emit,
    backoffMs: (_, n) => backoffMs(n),
    verified,
    freed: ({ app, capability }) => deliverer.wake(app, capability),
    lost: () => deliverer.unsure(),
  });
  const deliverer: Deliverer = createDeliverer({
    spool,
    clock,
    pauses,
    gone,
    emit,
    backoffMs: (_, n) => backoffMs(n),
    verifier,
    verified,
  });
  const settled = async (): Promise<void> => {
    let seen = moves;
    for (let turn = 0, quiet = 0; quiet < QUIET_TURNS; turn++) {
      if (turn === MAX_TURNS) throw new Error(`after ${MAX_TURNS} turns of the loop it is still busy`);
      await new Promise(setImmediate);
      quiet = moves === seen ? quiet + 1 : 0;
      seen = moves;
    }
  };
  const stop = async (): Promise<void> => {
    let done = false;
    const stopped = Promise.all([deliverer.stop(), verifier.stop()]).finally(() => {
      done = true;
    });
    for (await settled(); !done; await settled()) {
      if (clock.pending() === 0) throw new Error("the stop waits for something that will not come");
      clock.advance(1_000);
    }
    await stopped;
  };
  onTestFinished(() => {
    void deliverer.stop();
    void verifier.stop();
  });
  return {
    clock,
    store,
    pauses,
    gone: () => kept,
    deliverer,
    verifier,
    ends,
    events,
    async put(route, n = 1, more = {}) {
      const ids: string[] = [];
      for (let i = 0; i < n; i++) {
        const job = newJob(clock, { ...more, app: route.app, capability: route.capability });
        ids.push(await queue(store, job));
        deliverer.queued(job);
      }
      return ids;
    },
    settled,
    async pass(ms, stepMs = ms) {
      await settled();
      for (let left = ms; left > 0; left -= stepMs) {
        clock.advance(Math.min(stepMs, left));
        await settled();
      }
    },
    said: (...types) => events.filter(({ type }) => types.includes(type)),
    stop,
  };
}

/** Hears of every call, and of every answer. */
function watched(spool: Spool, moved: () => void): Spool {
  async function ask<T>(answer: Promise<T>): Promise<T> {
    moved();
    return answer.finally(moved);
  }
  return {
    put: (job) => ask(spool.put(job)),
    claim: (want) => ask(spool.claim(want)),
    settle: (lease, settlement) => ask(spool.settle(lease, settlement)),
    hold: (leases) => ask(spool.hold(leases)),
    find: (id) => ask(spool.find(id)),
    list: (query) => ask(spool.list(query)),
    change: (act, ids) => ask(spool.change(act, ids)),
    sweep: () => ask(spool.sweep()),
    survey: () => ask(spool.survey()),
  };
}

/** A spool whose answers to this verb the test holds back: what is asked is done at once. */
export function heldBack(verb: "claim" | "settle" | "survey"): {
  readonly between: (store: Spool) => Spool;
  hold: boolean;
  /** Lets the answers come. */
  release(): void;
} {
  let waiting: (() => void)[] = [];
  const gate = {
    hold: false,
    between: (store: Spool): Spool => {
      const late = async <T>(answer: Promise<T>): Promise<T> => {
        if (gate.hold) await new Promise<void>((resolve) => waiting.push(resolve));
        return answer;
      };
      if (verb === "claim") return { ...store, claim: (want) => late(store.claim(want)) };
      if (verb === "settle") return { ...store, settle: (...ended) => late(store.settle(...ended)) };
      return { ...store, survey: () => late(store.survey()) };
    },
    release() {
      gate.hold = false;
      for (const go of waiting) go();
      waiting = [];
    },
  };
  return gate;
}
