import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createSharing, type Machines } from "../../src/app/sharing.ts";
import type { OutriggerEvent } from "../../src/core/events.ts";
import type { BreakerId } from "../../src/core/stored.ts";
import { REFUSED } from "../../src/policy/breaker.cell.ts";
import type { BreakerResult } from "../../src/policy/breaker.tally.ts";
import { type Breakers, createBreakers } from "../../src/policy/breaker.ts";
import { ANSWER_MS, DECIDING_MS, POLL_MS } from "../../src/shared/agreement.ts";
import { BREAKER } from "../help/breaker.ts";
import { createManualClock, type ManualClock } from "../help/manual-clock.ts";
import { createRegisters, type TestRegisters } from "../help/registers.ts";
import { createSeededRandom } from "../help/seeded-random.ts";

/** Breakers of two replicas over one model of Redis, on a clock that is moved by hand. */

const id: BreakerId = { app: "quiz", capability: "winner", upstream: "primary", url: "http://10.0.0.5:9000" };
const settings = { ...BREAKER, failures: 2, recoveryMs: 10_000, recoveryMaxMs: 40_000, successes: 2 };
/** Nobody has an app with a backup here. */
const NO_FAILOVERS: Machines["failovers"] = { find: () => null, peers: () => [], objected: () => undefined };

interface Replica {
  readonly sharing: ReturnType<typeof createSharing>;
  readonly breakers: Breakers;
  readonly events: OutriggerEvent[];
  call(result: BreakerResult): boolean;
  state(): string;
}

function replica(registers: TestRegisters, clock: ManualClock, seed: number, stored = false): Replica {
  const events: OutriggerEvent[] = [];
  const random = createSeededRandom(seed);
  const bus = { emit: (event: OutriggerEvent) => void events.push(event) };
  const sharing = createSharing(registers, ["breaker"], { clock, random, bus });
  const breakers = createBreakers({
    ...sharing.breakers,
    clock,
    random,
    emit: sharing.emit,
    persist: () => undefined,
  });
  const wall = clock.wall();
  const row = {
    ...id,
    state: "open",
    since: wall,
    until: wall + 10_000,
    reopenings: 0,
    consecutiveFailures: 2,
  } as const;
  if (stored) breakers.restore([{ ...row, savedAt: wall }]);
  sharing.attach({ breakers, failovers: NO_FAILOVERS });
  const cell = breakers.cell(id, settings);
  breakers.retain([{ cell, settings }]);
  return {
    sharing,
    breakers,
    events,
    call(result) {
      const permit = cell.admit(clock.now());
      if (permit !== REFUSED) cell.settle(permit, result, clock.now());
      return permit !== REFUSED;
    },
    state: () => cell.snapshot(clock.now()).state,
  };
}

async function pair(given: { readonly stored?: boolean } = {}) {
  const clock = createManualClock();
  const registers = createRegisters({ wall: clock.wall });
  const replicas = [replica(registers, clock, 1, given.stored), replica(registers, clock, 2)] as const;
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 100) {
      clock.advance(Math.min(left, 100));
      await setImmediate();
    }
  };
  await setImmediate();
  return { clock, registers, pass, a: replicas[0], b: replicas[1] };
}

const told = ({ events }: Replica): unknown[] =>
  events.map((event) => [event.type, "peer" in event && event.peer === true]);

describe("two replicas", () => {
  test("what opens one opens the other within a reading, and the one that opened it tries first", async () => {
    const { a, b, pass } = await pair();
    a.call("bad");
    a.call("bad");
    await pass(POLL_MS);
    expect([a.state(), b.state(), b.call("good")]).toEqual(["open", "open", false]);
    expect([told(a), told(b)]).toEqual([[["breaker.opened", false]], [["breaker.opened", true]]]);
    // The recovery began before the reading: it is over for the first, and the other waits a little longer.
    await pass(10_000 - POLL_MS);
    expect([a.call("good"), b.call("good")]).toEqual([true, false]);
    await pass(POLL_MS);
    expect([a.call("good"), b.call("good"), a.state()]).toEqual([true, false, "closed"]);
    await pass(POLL_MS);
    expect([b.state(), b.call("good")]).toEqual(["closed", true]);
  });

  test("trials of one that never tell what came of them are made by the other after a while", async () => {
    const { a, b, pass } = await pair();
    a.call("bad");
    a.call("bad");
    await pass(10_000);
    expect(a.call("none")).toBe(true);
    await pass(4_500);
    expect(b.call("good")).toBe(false);
    await pass(2_000);
    expect([b.call("good"), b.call("good"), b.state()]).toEqual([true, true, "closed"]);
    await pass(POLL_MS);
    expect(a.state()).toBe("closed");
  });

  test("both open in one moment: one of them tells of it as its own", async () => {
    const { a, b, pass } = await pair();
    for (const one of [a, b, a, b]) one.call("bad");
    await pass(POLL_MS);
    const all = [...told(a), ...told(b)];
    expect(all.filter((one) => JSON.stringify(one) === '["breaker.opened",false]')).toHaveLength(1);
    expect(all).toHaveLength(2);
  });

  test("what a replica stored before its restart is made known where the others know nothing", async () => {
    const { a, b, pass } = await pair({ stored: true });
    await pass(POLL_MS);
    expect([a.state(), b.state()]).toEqual(["open", "open"]);
  });

  test("what a replica stored before its restart gives way to what the others know", async () => {
    const { a, b, pass, registers, clock } = await pair();
    a.breakers.cell(id, settings).trip("ops");
    await pass(POLL_MS);
    a.breakers.cell(id, settings).reset("ops");
    await pass(POLL_MS);
    expect(b.state()).toBe("closed");
    const late = replica(registers, clock, 3, true);
    await pass(POLL_MS);
    expect([late.state(), a.state(), b.state()]).toEqual(["closed", "closed", "closed"]);
  });

  test("without Redis each goes by its own and waits for nobody", async () => {
    const { a, b, pass, registers } = await pair();
    registers.away = true;
    await pass(POLL_MS);
    expect([a.sharing.agreed, b.sharing.agreed]).toEqual([false, false]);
    a.call("bad");
    a.call("bad");
    expect(told(a)).toEqual([["breaker.opened", false]]);
    await pass(5_000);
    expect([a.state(), b.state()]).toEqual(["open", "closed"]);
    registers.away = false;
    // One reading of each: what is wanted is proposed after the first.
    await pass(2 * POLL_MS);
    expect([a.state(), b.state(), told(b)]).toEqual(["open", "open", [["breaker.opened", true]]]);
  });

  test("while Redis says nothing a move is told after a moment, and soon nobody waits for it any more", async () => {
    const { a, pass, registers } = await pair();
    registers.silent = true;
    a.call("bad");
    a.call("bad");
    expect(told(a)).toEqual([]);
    await pass(DECIDING_MS);
    expect(told(a)).toEqual([["breaker.opened", false]]);
    await pass(ANSWER_MS);
    expect(a.sharing.agreed).toBe(false);
    a.breakers.cell(id, settings).reset("ops");
    expect(told(a).at(-1)).toEqual(["breaker.closed", false]);
  });

  test("a Redis that lost everything learns it again from those who know", async () => {
    const { a, b, pass, registers } = await pair();
    a.breakers.cell(id, settings).trip("ops", 3_600_000);
    await pass(POLL_MS);
    registers.forget();
    await pass(2 * POLL_MS);
    expect([...registers.held.values()].map(({ value }) => JSON.parse(value).state.kind)).toEqual(["open"]);
    expect([a.state(), b.state()]).toEqual(["open", "open"]);
  });

  test("a Redis that lost its last moments and went on past them between two readings counts, once it is back", async () => {
    const { a, b, pass, registers } = await pair();
    a.breakers.cell(id, settings).trip("ops", 3_600_000);
    await pass(POLL_MS);
    a.breakers.cell(id, settings).reset("ops");
    await pass(POLL_MS);
    expect([a.state(), b.state()]).toEqual(["closed", "closed"]);
    registers.rewind();
    // As many changes as were lost, so that their number tells nothing.
    await registers.propose({ name: "of somebody else", id: "x", from: 0, value: "x", ageMs: 0 });
    for (const { sharing } of [a, b]) sharing.reread();
    await pass(POLL_MS);
    const [, held] = [...registers.held].find(([name]) => name !== "of somebody else") ?? [];
    expect([a.state(), b.state()]).toEqual(Array(2).fill(JSON.parse(held?.value ?? "").state.kind));
  });
});

type Action =
  | { readonly type: "call"; readonly who: number; readonly result: BreakerResult }
  | { readonly type: "trip" | "reset"; readonly who: number }
  | { readonly type: "pass"; readonly ms: number }
  | { readonly type: "away"; readonly away: boolean }
  | { readonly type: "forget" };

const who = fc.nat(1);
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant("call" as const),
      who,
      result: fc.constantFrom<BreakerResult>("good", "bad", "none"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom("trip" as const, "reset" as const), who }) },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("pass" as const),
      ms: fc.constantFrom(0, 1, 100, POLL_MS, 4_000, 11_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("away" as const), away: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ type: "forget" as const }) },
);

test("whatever happens to two breakers and to Redis, they agree on whether to refuse once all is quiet", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { size: "max", maxLength: 40 }), async (actions) => {
      const { a, b, pass, registers } = await pair();
      const all = [a, b];
      for (const one of actions) {
        switch (one.type) {
          case "call":
            all[one.who]?.call(one.result);
            break;
          case "trip":
          case "reset":
            all[one.who]?.breakers.cell(id, settings)[one.type]("ops");
            break;
          case "pass":
            await pass(one.ms);
            break;
          case "away":
            registers.away = one.away;
            break;
          case "forget":
            // It was started anew, so nobody got an answer meanwhile.
            registers.away = true;
            await pass(POLL_MS + ANSWER_MS);
            registers.forget();
            registers.away = false;
        }
      }
      registers.away = false;
      await pass(4 * POLL_MS);
      expect(a.state() === "closed").toBe(b.state() === "closed");
      for (const { sharing } of all) await sharing[Symbol.asyncDispose]();
    }),
    { numRuns: 150 },
  );
});
