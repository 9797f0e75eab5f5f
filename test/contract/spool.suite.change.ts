import { expect, test } from "vitest";
import type { JobState } from "../../src/core/job.ts";
import type { Act, Spool } from "../../src/spool/port.ts";
import type { ManualClock } from "../help/manual-clock.ts";
import {
  again,
  DAY_MS,
  dead,
  delivered,
  good,
  ids,
  newJob,
  queue,
  type Start,
  states,
  take,
  takeOne,
  tried,
} from "./spool.rig.ts";

const STATES = ["queued", "leased", "delivered", "dead", "cancelled"] as const;

const ALLOWED: Readonly<Record<Act, readonly JobState[]>> = {
  retry: ["dead", "cancelled"],
  resend: ["delivered"],
  cancel: ["queued", "leased"],
  delete: ["dead", "cancelled"],
};

/** One job in each state. */
async function oneEach(spool: Spool, clock: ManualClock): Promise<Map<string, JobState>> {
  const made = new Map<string, JobState>();
  for (const state of ["delivered", "dead", "cancelled", "leased", "queued"] as const) {
    const id = await queue(spool, newJob(clock));
    made.set(id, state);
    if (state === "cancelled") await spool.change("cancel", [id]);
    if (state === "cancelled" || state === "queued") continue;
    const { lease } = await takeOne(spool);
    if (state !== "leased") await spool.settle(lease, state === "dead" ? dead() : delivered());
  }
  return made;
}

export function changeSuite(start: Start): void {
  test.for(Object.entries(ALLOWED))("%s is done to jobs that are %j, and to no others", async ([act, allowed]) => {
    const { spool, clock } = await start();
    const made = await oneEach(spool, clock);
    const before = await Promise.all([...made.keys()].map((id) => spool.find(id)));
    const unknown = "018bcfe5-6800-7abc-8000-0123456789ab";
    const changed = await spool.change(act as Act, [...made.keys(), unknown]);
    expect(changed.map(({ id }) => made.get(id)).sort()).toEqual([...allowed].sort());
    for (const job of changed) expect(before.find((one) => one?.id === job.id)).toMatchObject(job);
    for (const job of before.filter((one) => !allowed.includes(one!.state))) {
      expect(await spool.find(job!.id)).toEqual(job);
    }
  });

  test.for(STATES)("a %s job named twice is changed once", async (state) => {
    const { spool, clock } = await start();
    const made = await oneEach(spool, clock);
    const [id] = [...made].find(([, its]) => its === state)!;
    const acts = (Object.keys(ALLOWED) as Act[]).filter((act) => ALLOWED[act].includes(state));
    expect(ids(await spool.change(acts[0]!, [id, id]))).toEqual([id]);
    expect(await spool.change(acts[0]!, [])).toEqual([]);
  });

  test("a retried job has a fresh budget and a fresh age, but its sends count on and its past is kept", async () => {
    const { spool, clock } = await start();
    const job = newJob(clock, { maxAgeMs: 10_000 });
    const id = await queue(spool, job);
    await spool.settle((await takeOne(spool)).lease, again(0, 0));
    await spool.settle((await takeOne(spool)).lease, dead({ tries: [tried(1)], reason: "attempts_exhausted" }));
    clock.advance(60_000);
    expect(await spool.change("retry", [id])).toMatchObject([{ id, state: "dead", attempts: 2, sends: 2 }]);
    expect(await spool.find(id)).toMatchObject({
      state: "queued",
      reason: null,
      detail: null,
      endedAt: null,
      at: job.at,
      dueAt: clock.wall(),
      expiresAt: clock.wall() + 10_000,
      attempts: 0,
      sends: 2,
      tries: [tried(0), tried(1)],
    });
    const leased = await takeOne(spool);
    expect(leased).toMatchObject({ lease: { id }, attempts: 0, sends: 2, ageMs: 60_000, expiresInMs: 10_000 });
    await spool.settle(leased.lease, delivered(2));
    expect(await spool.find(id)).toMatchObject({ state: "delivered", attempts: 1, sends: 3 });
  });

  test("an expired job can be retried, and is not at once too old again", async () => {
    const { spool, clock } = await start();
    const id = await queue(spool, newJob(clock, { maxAgeMs: 1000 }));
    clock.advance(DAY_MS);
    await spool.sweep();
    await spool.change("retry", [id]);
    clock.advance(999);
    expect(ids((await spool.sweep()).expired)).toEqual([]);
    expect((await takeOne(spool)).lease.id).toBe(id);
  });

  test("a retried job waits among the retries if it was ever sent", async () => {
    const { spool, clock } = await start();
    const made = await oneEach(spool, clock);
    const [sent] = [...made].find(([, state]) => state === "dead")!;
    await spool.change("cancel", [...made.keys()]);
    await spool.change("retry", [sent]);
    const claimed = await spool.claim({ app: "quiz", capability: "winner", lane: "retry", max: 9, maxBytes: 9999 });
    expect(ids(claimed.jobs)).toEqual([sent]);
  });

  test("a delivered job can be sent again, with its body and its sends", async () => {
    const { spool, clock } = await start();
    const id = await queue(spool, newJob(clock, { body: Buffer.from("once more") }));
    await spool.settle((await takeOne(spool)).lease, delivered());
    expect(await spool.change("resend", [id])).toMatchObject([{ id, state: "delivered" }]);
    const job = await takeOne(spool);
    expect(job).toMatchObject({ lease: { id }, attempts: 0, sends: 1 });
    expect(job.body.toString()).toBe("once more");
    await spool.settle(job.lease, delivered(1));
    expect((await spool.find(id))?.tries).toEqual([good(0), good(1)]);
  });

  test("a cancelled job has ended with that reason, and keeps its payload", async () => {
    const { spool, clock } = await start();
    const id = await queue(spool, newJob(clock, { body: Buffer.from("kept") }));
    clock.advance(10);
    expect(await spool.change("cancel", [id])).toMatchObject([{ id, state: "queued", reason: null }]);
    const found = await spool.find(id);
    expect(found).toMatchObject({ state: "cancelled", reason: "cancelled", endedAt: clock.wall(), dueAt: null });
    expect(Buffer.from(found?.body ?? []).toString()).toBe("kept");
    expect(await take(spool)).toEqual([]);
    expect(await states(spool)).toEqual({ cancelled: 1 });
  });

  test("a job cancelled while it is out stays so: the settle that comes later is refused", async () => {
    const { spool, clock } = await start();
    const id = await queue(spool, newJob(clock));
    const { lease } = await takeOne(spool);
    expect(await spool.change("cancel", [id])).toMatchObject([{ id, state: "leased" }]);
    for (const settlement of [delivered(), again(0), dead()]) expect(await spool.settle(lease, settlement)).toBe(false);
    await spool.hold([lease]);
    await spool.hold([]);
    expect(await states(spool)).toEqual({ cancelled: 1 });
    await spool.change("retry", [id]);
    expect(await spool.settle(lease, delivered())).toBe(false);
    expect((await takeOne(spool)).lease.id).toBe(id);
  });

  test("a deleted job is gone, and its id leads nowhere", async () => {
    const { spool, clock } = await start();
    const id = await queue(spool, newJob(clock));
    const { lease } = await takeOne(spool);
    await spool.settle(lease, dead());
    expect(await spool.change("delete", [id])).toMatchObject([{ id, state: "dead" }]);
    expect(await spool.find(id)).toBeNull();
    expect((await spool.list({ filter: {}, limit: 10, cursor: null })).items).toEqual([]);
    expect(await spool.change("retry", [id])).toEqual([]);
    expect(await spool.settle(lease, delivered())).toBe(false);
    expect(await states(spool)).toEqual({});
  });
}
