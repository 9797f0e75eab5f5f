import { expect } from "vitest";
import type { JobState } from "../../src/core/job.ts";
import type { Act, Claim, Lease, Settlement } from "../../src/spool/port.ts";
import {
  again,
  dead,
  delivered,
  givenBack,
  ids,
  listAll,
  newJob,
  type OpenedSpool,
  routeOf,
  states,
  sweepAll,
  verifying,
} from "./spool.rig.ts";

export type Step =
  | { verb: "put"; app: string; orderKey: string | null; maxAgeMs: number; sends: number }
  | ({ verb: "claim" } & Pick<Claim, "app" | "lane" | "max">)
  | { verb: "settle"; pick: number; how: string; delayMs: number }
  | { verb: "stale"; pick: number }
  | { verb: "change"; act: Act; picks: readonly number[] }
  | { verb: "hold"; mask: number }
  | { verb: "advance"; ms: number }
  | { verb: "sweep" }
  | { verb: "kill" };

interface Job {
  readonly app: string;
  readonly orderKey: string | null;
  readonly maxAgeMs: number;
  state: JobState;
  expiresAt: number;
  sends: number;
  lease: Lease | null;
}

const FROM: Readonly<Record<Act, readonly JobState[]>> = {
  retry: ["dead", "cancelled"],
  resend: ["delivered", "verifying"],
  cancel: ["queued", "leased", "verifying"],
  delete: ["dead", "cancelled"],
};
/** So much longer than a job may live is waited for whoever asks its app. */
const LAPSE_MS = 60_000;
const APPS = ["quiz", "poll"];

function settlementOf(how: string, n: number, delayMs: number): Settlement {
  if (how === "delivered") return delivered(n);
  if (how === "verifying") return { ...verifying({ delayMs }), tries: [] };
  if (how === "again") return again(n, delayMs);
  if (how === "given back") return { ...givenBack, delayMs };
  return dead({ release: how === "dead" });
}

/**
 * A spool beside a model that knows of each job no more than its state. Which jobs a claim gives is left to the spool:
 * the model checks that they could be given, and follows.
 */
export function createModel(opened: OpenedSpool) {
  let rig = opened;
  const jobs = new Map<string, Job>();
  let spent: Lease[] = [];
  /** Ended by an operator, with their jobs: what was sent under these is kept with them. */
  const withdrawn = new Map<Lease, string>();

  /** Somebody has them: to send them, or to ask about them. */
  const out = (): Job[] => [...jobs.values()].filter(({ lease }) => lease !== null);
  /** Not held any more: it waits for what it had waited for. */
  const letGo = (job: Job): void => drop(job, job.state === "verifying" ? "verifying" : "queued");
  const drop = (job: Job, state: JobState): void => {
    if (job.lease) spent.push(job.lease);
    job.lease = null;
    job.state = state;
  };
  const expired = (found: readonly string[]): void => {
    for (const id of found) {
      const job = jobs.get(id);
      expect(job).toMatchObject({ state: expect.stringMatching(/^(queued|verifying)$/) });
      const lateMs = job?.state === "verifying" ? LAPSE_MS : 0;
      expect(job?.expiresAt).toBeLessThanOrEqual(rig.clock.now() - lateMs);
      if (job) drop(job, "dead");
    }
  };

  const claim = async (want: Pick<Claim, "app" | "lane" | "max">): Promise<number> => {
    const claimed = await rig.spool.claim({ ...want, capability: "winner", maxBytes: 2 ** 20 });
    expired(ids(claimed.expired));
    expect(claimed.jobs.length + claimed.polls.length).toBeLessThanOrEqual(want.max);
    for (const { lease, app, sends } of claimed.polls) {
      const job = jobs.get(lease.id);
      expect(job).toMatchObject({ app, sends, state: "verifying", lease: null });
      expect(spent).not.toContainEqual(lease);
      if (job) job.lease = lease;
    }
    for (const { lease, app, sends } of claimed.jobs) {
      const job = jobs.get(lease.id);
      expect(job).toMatchObject({ app, sends, state: "queued" });
      if (!job) continue;
      expect(job.expiresAt).toBeGreaterThan(rig.clock.now());
      expect(spent).not.toContainEqual(lease);
      const { orderKey } = job;
      const beside = [...jobs.values()].filter(
        (one) => one.app === app && one.orderKey === orderKey && (one.state === "leased" || one.state === "verifying"),
      );
      if (orderKey !== null) expect(beside).toEqual([]);
      job.state = "leased";
      job.lease = lease;
    }
    return claimed.jobs.length + claimed.polls.length + claimed.expired.length;
  };

  const settle = async (job: Job, settlement: Settlement): Promise<void> => {
    if (!job.lease) return;
    expect(await rig.spool.settle(job.lease, settlement)).toBe(true);
    job.sends += settlement.tries.length;
    drop(job, settlement.kind === "again" ? "queued" : settlement.kind);
  };

  const change = async (act: Act, named: readonly string[]): Promise<void> => {
    const able = [...new Set(named)].filter((id) => FROM[act].includes(jobs.get(id)?.state ?? "verifying"));
    expect(ids(await rig.spool.change(act, named)).sort()).toEqual(able.sort());
    for (const [id, job] of able.map((id) => [id, jobs.get(id)] as const)) {
      if (!job) continue;
      if (act === "delete") jobs.delete(id);
      else {
        if (act === "cancel" && job.state === "leased" && job.lease) withdrawn.set(job.lease, id);
        drop(job, act === "cancel" ? "cancelled" : "queued");
      }
      if (act !== "retry" && act !== "resend") continue;
      job.expiresAt = rig.clock.now() + job.maxAgeMs;
      for (const [lease, of] of withdrawn) if (of === id) withdrawn.delete(lease);
    }
  };

  const hold = async (kept: readonly Job[]): Promise<void> => {
    await rig.spool.hold(kept.flatMap(({ lease }) => lease ?? []));
    for (const job of out()) if (!kept.includes(job)) letGo(job);
  };

  const put = async (step: Extract<Step, { verb: "put" }>): Promise<void> => {
    const { verb, ...more } = step;
    const receipt = await rig.spool.put(newJob(rig.clock, more));
    expect(receipt.kind).toBe("queued");
    if (receipt.kind !== "queued") return;
    expect(jobs.has(receipt.id)).toBe(false);
    jobs.set(receipt.id, { ...more, state: "queued", expiresAt: rig.clock.now() + more.maxAgeMs, lease: null });
  };

  const picked = <T>(all: readonly T[], pick: number): T | undefined => all[pick % Math.max(all.length, 1)];

  const take = async (step: Step): Promise<void> => {
    if (step.verb === "put") await put(step);
    else if (step.verb === "claim") await claim(step);
    else if (step.verb === "settle") {
      const job = picked(out(), step.pick);
      if (job) await settle(job, settlementOf(step.how, job.sends, step.delayMs));
    } else if (step.verb === "stale") {
      const lease = picked(spent, step.pick);
      if (lease) {
        expect(await rig.spool.settle(lease, delivered())).toBe(false);
        const job = jobs.get(withdrawn.get(lease) ?? "");
        withdrawn.delete(lease);
        if (job?.state === "cancelled") job.sends++;
      }
    } else if (step.verb === "change") {
      const named = step.picks.flatMap((pick) => picked([...jobs.keys()], pick) ?? []);
      await change(step.act, named);
    } else if (step.verb === "hold") await hold(out().filter((_, i) => step.mask & (1 << (i % 8))));
    else if (step.verb === "advance") rig.clock.advance(step.ms);
    else if (step.verb === "sweep") expired(ids(await sweepAll(rig.spool)));
    else if (rig.reopen) {
      rig = await rig.reopen();
      // No worker of before is there to say anything.
      spent = spent.filter((lease) => !withdrawn.has(lease));
      withdrawn.clear();
      for (const job of out()) letGo(job);
    }
  };

  return {
    take,
    close: () => rig.close(),
    /** The counts of the survey: of all, and of each route. */
    async seen() {
      const routes: unknown[] = [];
      for (const app of APPS) {
        const {
          first,
          retry,
          behind,
          leased,
          verifying: asked,
          dead: byReason,
        } = await routeOf(rig.spool, { app, capability: "winner" });
        const ended = Object.values(byReason).reduce((sum, n) => sum + n, 0);
        routes.push({ app, queued: first + retry + behind, leased, verifying: asked, ended });
      }
      return { states: await states(rig.spool), routes };
    },
    expected() {
      const count = (state: JobState, app?: string): number =>
        [...jobs.values()].filter((job) => job.state === state && (app === undefined || job.app === app)).length;
      const all = (["queued", "leased", "verifying", "delivered", "dead", "cancelled"] as const).map(
        (s) => [s, count(s)] as const,
      );
      return {
        states: Object.fromEntries(all.filter(([, n]) => n > 0)),
        routes: APPS.map((app) => ({
          app,
          queued: count("queued", app),
          leased: count("leased", app),
          verifying: count("verifying", app),
          ended: count("dead", app) + count("cancelled", app),
        })),
      };
    },
    /** Every job of the list and of `find`, by id: each once. */
    async listed() {
      const found: [string, JobState, number][] = [];
      for (const { id } of await listAll(rig.spool, {}, 7)) {
        const job = await rig.spool.find(id);
        found.push([id, job?.state ?? "verifying", job?.sends ?? -1]);
      }
      return found.sort();
    },
    known: () => [...jobs].map(([id, job]) => [id, job.state, job.sends]).sort(),
    /** Takes up every job that can be, as a worker that lost its leases and an operator would. */
    async drain() {
      await hold([]);
      await change("retry", [...jobs.keys()]);
      // No retry waits longer than that, so two rounds without a job are the end.
      let rounds = 0;
      for (let idle = 0; idle < 2; idle++) {
        expect(rounds++).toBeLessThan(1000);
        for (const app of APPS) {
          for (const lane of ["first", "retry", "verify"] as const) if (await claim({ app, lane, max: 3 })) idle = -1;
        }
        for (const job of out()) await settle(job, delivered(job.sends));
        rig.clock.advance(idle === 0 ? 8000 : 0);
      }
    },
    unfinished: () => [...jobs.values()].filter(({ state }) => ["queued", "leased", "verifying"].includes(state)),
  };
}
