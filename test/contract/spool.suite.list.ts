import { expect, test } from "vitest";
import type { JobFilter } from "../../src/core/job.ts";
import type { Settlement, Spool } from "../../src/spool/port.ts";
import type { ManualClock } from "../help/manual-clock.ts";
import {
  claim,
  dead,
  delivered,
  ids,
  listAll,
  newJob,
  POLL,
  queue,
  queueAll,
  type Start,
  takeOne,
  tried,
} from "./spool.rig.ts";

const all = async (spool: Spool, filter: JobFilter, limit?: number): Promise<string[]> =>
  ids(await listAll(spool, filter, limit));

/** Ends the only due job of a route. */
async function end(spool: Spool, settlement: Settlement = dead(), route = {}): Promise<void> {
  await spool.settle((await takeOne(spool, route)).lease, settlement);
}

const DLQ: JobFilter = { states: ["dead", "cancelled"] };

/** One job a second: delivered, dead (two reasons), cancelled, out, and waiting (on two routes). */
async function mixed({ spool, clock }: { spool: Spool; clock: ManualClock }) {
  const put = async (n: number, route = {}) => {
    clock.advance(1000);
    return queue(spool, newJob(clock, { ...route, requestId: `req-${n}` }));
  };
  const done = await put(1);
  await end(spool, delivered());
  const gone = await put(2);
  await end(spool, dead({ reason: "gone" }));
  const permanent = await put(3, POLL);
  await end(spool, dead(), POLL);
  const cancelled = await put(4);
  await spool.change("cancel", [cancelled]);
  const out = await put(5);
  await claim(spool);
  const waiting = await put(6);
  const poll = await put(7, POLL);
  return { done, gone, permanent, cancelled, out, waiting, poll };
}

export function listSuite(start: Start): void {
  test("an unknown id is found nowhere, nor is what is no id at all", async () => {
    const { spool } = await start();
    for (const id of [
      "018bcfe5-6800-7abc-8000-0123456789ab",
      "018bcfe5-6800-4abc-bdef-0123456789ab",
      "",
      "x",
      "'; --",
    ]) {
      expect(await spool.find(id)).toBeNull();
    }
  });

  test("what find gives is the summary of the list, and more", async () => {
    const opened = await start();
    await mixed(opened);
    const { items } = await opened.spool.list({ filter: {}, limit: 100, cursor: null });
    for (const job of items) expect(await opened.spool.find(job.id)).toMatchObject(job);
  });

  test("a list holds neither payload nor headers", async () => {
    const { spool, clock } = await start();
    await queue(spool, newJob(clock, { body: Buffer.from("secret body"), sends: 1, tries: [tried(0)] }));
    const [job] = (await spool.list({ filter: {}, limit: 1, cursor: null })).items;
    for (const field of ["body", "request", "tries", "orderKey"]) expect(job).not.toHaveProperty(field);
  });

  test("the newest comes first, in whatever parts", async () => {
    const { spool, clock } = await start();
    const made: string[] = [];
    for (let i = 0; i < 7; i++) {
      made.unshift(await queue(spool, newJob(clock)));
      clock.advance(i % 3);
    }
    for (const limit of [1, 2, 3, 7, 8, 100]) expect(await all(spool, {}, limit)).toEqual(made);
  });

  test("an empty list has an end", async () => {
    const { spool } = await start();
    expect(await all(spool, {})).toEqual([]);
    expect(await all(spool, DLQ)).toEqual([]);
  });

  test("jobs that come meanwhile are not in the later parts, and nothing comes twice", async () => {
    const { spool, clock } = await start();
    const made = await queueAll(spool, [newJob(clock), newJob(clock), newJob(clock), newJob(clock)]);
    const first = await spool.list({ filter: {}, limit: 2, cursor: null });
    clock.advance(10);
    const late = await queue(spool, newJob(clock));
    const rest = await spool.list({ filter: {}, limit: 100, cursor: first.next });
    const seen = [...ids(first.items), ...ids(rest.items)];
    expect(seen).toEqual([...made].reverse());
    expect(seen).not.toContain(late);
  });

  test("a list is narrowed by state, app, capability, reason and request id", async () => {
    const opened = await start();
    const { spool } = opened;
    const { done, gone, permanent, cancelled, out, waiting, poll } = await mixed(opened);
    const cases: [JobFilter, string[]][] = [
      [{}, [poll, waiting, out, cancelled, permanent, gone, done]],
      [{ states: ["queued"] }, [poll, waiting]],
      [{ states: ["leased"] }, [out]],
      [{ states: ["verifying"] }, []],
      [{ states: ["delivered"] }, [done]],
      [{ states: ["queued", "leased"] }, [poll, waiting, out]],
      [DLQ, [cancelled, permanent, gone]],
      [{ app: "poll" }, [poll, permanent]],
      [{ app: "nobody" }, []],
      [{ app: "quiz", capability: "winner", states: ["queued"] }, [waiting]],
      [{ capability: "closed" }, [poll, permanent]],
      [{ reason: "gone" }, [gone]],
      [{ reason: "cancelled" }, [cancelled]],
      [{ ...DLQ, reason: "permanent_status" }, [permanent]],
      [{ states: ["queued"], reason: "gone" }, []],
      [{ requestId: "req-5" }, [out]],
      [{ requestId: "req-5", states: ["dead"] }, []],
    ];
    for (const [filter, expected] of cases) {
      for (const limit of [2, 100]) {
        expect([filter, new Set(await all(spool, filter, limit))]).toEqual([filter, new Set(expected)]);
        expect(await all(spool, filter, limit)).toHaveLength(expected.length);
      }
    }
  });

  test("several jobs of one request are all found", async () => {
    const { spool, clock } = await start();
    const made = await queueAll(spool, [newJob(clock), newJob(clock, POLL), newJob(clock)]);
    await queue(spool, newJob(clock, { requestId: "another" }));
    expect(await all(spool, { requestId: "req-1" })).toEqual(made.reverse());
  });

  test("a list is narrowed by the time of acceptance: since is in it, until is not", async () => {
    const { spool, clock } = await start();
    const t0 = clock.wall();
    const made: string[] = [];
    for (let i = 0; i < 4; i++) {
      made.push(await queue(spool, newJob(clock)));
      clock.advance(1000);
    }
    expect(await all(spool, { since: t0 + 1000, until: t0 + 3000 })).toEqual([made[2], made[1]]);
    expect(await all(spool, { since: t0 + 3001 })).toEqual([]);
    expect(await all(spool, { until: t0 })).toEqual([]);
    expect(await all(spool, { states: ["queued"], since: t0 + 3000 }, 1)).toEqual([made[3]]);
  });

  test("the dead-letter queue is narrowed by the time of death", async () => {
    const { spool, clock } = await start();
    const t0 = clock.wall();
    const early = await queue(spool, newJob(clock));
    const late = await queue(spool, newJob(clock, POLL));
    clock.advance(1000);
    await end(spool);
    clock.advance(1000);
    await spool.change("cancel", [late]);
    expect(await all(spool, { ...DLQ, until: t0 + 1000 })).toEqual([]);
    expect(await all(spool, { ...DLQ, since: t0 + 1000, until: t0 + 2000 })).toEqual([early]);
    expect(await all(spool, { ...DLQ, since: t0 + 2000 })).toEqual([late]);
    expect(await all(spool, { states: ["dead"], since: t0 + 1000 }, 1)).toEqual([early]);
  });
}
