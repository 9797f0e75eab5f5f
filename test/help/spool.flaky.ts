import type { Random } from "../../src/core/random.ts";
import type { Spool } from "../../src/spool/port.ts";

/** `before`: it is not done; `after`: it is done, but the answer is lost. Null: nothing goes wrong. */
export type Failure = "before" | "after" | null;

/** What is to go wrong with the nth call (from 0) of a spool, which is of this verb. */
export type FailurePlan = (n: number, verb: keyof Spool) => Failure;

/** Lets this share of the calls fail, half of them before and half of them after they are done. */
export function failAtRandom(random: Random, share: number): FailurePlan {
  return () => {
    if (random.float() >= share) return null;
    return random.float() < 0.5 ? "before" : "after";
  };
}

/** Calls fail in that order, and then no more. */
export function failInTurn(failures: readonly Failure[]): FailurePlan {
  return (n) => failures[n] ?? null;
}

export interface FlakySpool extends Spool {
  /** How many calls were made. */
  calls(): number;
}

/** A spool whose calls fail as a full disk, a lost thread or a cut connection would make them fail. */
export function flaky(spool: Spool, plan: FailurePlan): FlakySpool {
  let calls = 0;
  async function ask<T>(verb: keyof Spool, done: () => Promise<T>): Promise<T> {
    const n = calls++;
    const failure = plan(n, verb);
    if (failure === "before") throw new Error(`call ${n}, ${verb}: not done`);
    const answer = await done();
    if (failure === "after") throw new Error(`call ${n}, ${verb}: done, but the answer is lost`);
    return answer;
  }
  return {
    put: (job) => ask("put", () => spool.put(job)),
    claim: (want) => ask("claim", () => spool.claim(want)),
    settle: (lease, settlement) => ask("settle", () => spool.settle(lease, settlement)),
    hold: (leases) => ask("hold", () => spool.hold(leases)),
    find: (id) => ask("find", () => spool.find(id)),
    list: (query) => ask("list", () => spool.list(query)),
    change: (act, ids) => ask("change", () => spool.change(act, ids)),
    sweep: () => ask("sweep", () => spool.sweep()),
    survey: () => ask("survey", () => spool.survey()),
    calls: () => calls,
  };
}
