import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PeerStanding } from "../../src/core/peer.ts";
import { isWell, type Rules, troubleOf } from "../../src/policy/failover.judge.ts";
import type { Member } from "../../src/policy/failover.period.ts";
import type { Signs } from "../../src/policy/failover.signs.ts";
import {
  activeOf,
  type FailoverEvent,
  type FailoverState,
  initialState,
  next,
} from "../../src/policy/failover.state.ts";
import { FAILOVER, HEALTH } from "../help/failover.rules.ts";

const rules: Rules = { failover: FAILOVER, health: HEALTH, priorities: [0, 1] };
const { holdMs, holdMaxMs } = FAILOVER.recovery;

const well: Signs = {
  consecutive: 0,
  probeFailures: 0,
  probeSuccesses: 5,
  degraded: false,
  objected: false,
  total: 30,
  bad: 0,
  meanMs: 20,
};
const dead: Signs = { ...well, probeFailures: 2, probeSuccesses: 0, bad: 2 };

const probe = (member: number, signs: Signs = well, trying = false): FailoverEvent => ({
  type: "probe",
  member,
  signs,
  trying,
});
const look = (member: number, signs: Signs): FailoverEvent => ({ type: "signs", member, signs });

/** Runs events `[at, event]`. */
function run(events: readonly (readonly [number, FailoverEvent])[], from = initialState(2, rules, 0), by = rules) {
  return events.reduce((state, [at, event]) => next(state, event, at, by), from);
}

const kinds = (state: FailoverState): string[] => state.members.map(({ kind }) => kind);
const trial = (state: FailoverState, good = true, ms: number | null = 20): FailoverEvent => ({
  type: "trial",
  member: 0,
  generation: state.members[0]?.generation ?? 0,
  good,
  ms,
});

/** The primary is away since 0 and was well for its hold. */
function returning(): FailoverState {
  return run([
    [0, probe(0, dead)],
    [1_000, probe(0)],
    [1_000 + holdMs, probe(0)],
  ]);
}

describe("any one trigger moves traffic away", () => {
  test.for<[string, Partial<Signs>]>([
    ["probe", { probeFailures: 2, probeSuccesses: 0 }],
    ["consecutive_failures", { consecutive: 3 }],
    ["success_rate", { total: 20, bad: 2 }],
    ["response_time", { total: 20, meanMs: 5_001 }],
  ])("%s", ([cause, signs]) => {
    const state = run([[5, look(0, { ...well, ...signs })]]);
    expect(state.members[0]).toMatchObject({ kind: "away", cause, since: 5 });
    expect(activeOf(state, rules)).toBe(1);
  });

  test("a hang", () => {
    expect(run([[5, { type: "hang", member: 0 }]]).members[0]).toMatchObject({ kind: "away", cause: "hang" });
  });

  test.for<[string, Partial<Signs>]>([
    ["one failed probe", { probeFailures: 1 }],
    ["two failures in a row", { consecutive: 2 }],
    ["a bad rate of too few samples", { total: 19, bad: 10 }],
    ["a rate that is just good enough", { total: 20, bad: 1 }],
    ["slow answers of too few samples", { total: 19, meanMs: 9_000 }],
    ["degraded", { degraded: true }],
    ["unwell to another replica", { objected: true }],
  ])("but not %s", ([, signs]) => {
    const state = initialState(2, rules, 0);
    expect(next(state, look(0, { ...well, ...signs }), 5, rules)).toBe(state);
  });
});

describe("back", () => {
  test("after the hold and single good requests, and not before", () => {
    let state = run([
      [0, probe(0, dead)],
      [1_000, probe(0)],
      [999 + holdMs, probe(0)],
    ]);
    expect(kinds(state)).toEqual(["away", "serving"]);
    state = run([[1_000 + holdMs, probe(0)]], state);
    expect(kinds(state)).toEqual(["returning", "serving"]);
    // A rate of 98 % is one in fifty: fifty that come quickly tell.
    for (let n = 1; n <= 49; n++) state = next(state, trial(state), 32_000, rules);
    expect(kinds(state)).toEqual(["returning", "serving"]);
    state = next(state, trial(state), 32_000, rules);
    expect(kinds(state)).toEqual(["serving", "serving"]);
    expect(activeOf(state, rules)).toBe(0);
  });

  test("where requests are few, `successes` of them over another hold are enough", () => {
    let state = returning();
    for (let n = 1; n <= 4; n++) state = next(state, trial(state), 32_000, rules);
    state = next(state, trial(state), 999 + 2 * holdMs, rules);
    expect(kinds(state)[0]).toBe("returning");
    state = next(state, trial(state), 1_000 + 2 * holdMs, rules);
    expect(kinds(state)[0]).toBe("serving");
  });

  test("without any request, probes decide", () => {
    let state = returning();
    for (let n = 1; n <= 4; n++) state = next(state, probe(0), 32_000 + n, rules);
    expect(kinds(state)[0]).toBe("returning");
    expect(kinds(next(state, probe(0), 33_000, rules))[0]).toBe("serving");
  });

  test.for<[string, Partial<Signs>]>([
    ["slow", { meanMs: 2_001 }],
    ["failing one in ten", { total: 30, bad: 3 }],
    ["degraded", { degraded: true }],
    ["well for too few probes", { probeSuccesses: 4 }],
  ])("not while it is %s, and the hold begins anew", ([, signs]) => {
    const state = run([
      [0, probe(0, dead)],
      [1_000, probe(0)],
      [20_000, probe(0, { ...well, ...signs })],
      [22_000, probe(0)],
      [21_999 + holdMs, probe(0)],
    ]);
    expect(kinds(state)[0]).toBe("away");
    expect(kinds(run([[22_000 + holdMs, probe(0)]], state))[0]).toBe("returning");
  });

  test("one failed trial sets it back, and it must be well for twice as long", () => {
    const state = returning();
    const back = next(state, trial(state, false), 32_000, rules);
    expect(back.members[0]).toMatchObject({ kind: "away", wellSince: null, holdMs: 2 * holdMs, since: 0 });
  });

  test("good but slow trials set it back, too", () => {
    let state = returning();
    for (let n = 0; n < 50; n++) state = next(state, trial(state, true, 2_001), 32_000, rules);
    expect(kinds(state)[0]).toBe("away");
  });

  test("slow trials set it back, too, where a good probe says that another hold is over", () => {
    let state = returning();
    for (let n = 1; n <= 10; n++) state = next(state, trial(state, true, 3_000), 31_000 + 3_000 * n, rules);
    expect(kinds(state)[0]).toBe("away");
    state = returning();
    for (let n = 1; n <= 9; n++) state = next(state, trial(state, true, 3_000), 31_000 + 3_000 * n, rules);
    expect(kinds(state)[0]).toBe("returning");
    expect(kinds(next(state, probe(0), 1_000 + 2 * holdMs, rules))[0]).toBe("away");
  });

  test("jobs, for which nobody waits, do not make slow trials look quick", () => {
    let state = returning();
    for (let n = 0; n < 25; n++) {
      state = next(state, trial(state, true, 3_000), 32_000, rules);
      state = next(state, trial(state, true, null), 32_000, rules);
    }
    expect(kinds(state)[0]).toBe("away");
    state = returning();
    for (let n = 0; n < 50; n++) state = next(state, trial(state, true, null), 32_000, rules);
    expect(kinds(state)[0]).toBe("serving");
  });

  test("probes decide where requests came, but come no more", () => {
    let state = next(returning(), trial(returning()), 32_000, rules);
    for (let n = 1; n <= 4; n++) state = next(state, probe(0), 32_000 + n, rules);
    // As long as requests come, they decide.
    state = next(state, trial(state), 33_000, rules);
    for (let n = 1; n <= 4; n++) state = next(state, probe(0), 33_000 + n, rules);
    expect(kinds(state)[0]).toBe("returning");
    expect(kinds(next(state, probe(0), 34_000, rules))[0]).toBe("serving");
  });

  test("probes decide nothing while a request is tried on it, however long that takes", () => {
    let state = returning();
    for (let n = 1; n <= 20; n++) state = next(state, probe(0, well, true), 32_000 + n, rules);
    expect(kinds(state)[0]).toBe("returning");
    expect(kinds(next(state, trial(state, false), 33_000, rules))[0]).toBe("away");
  });

  test("a trial of an older period changes nothing", () => {
    const state = returning();
    const late = { ...trial(state, false), generation: 1 } as FailoverEvent;
    expect(next(state, late, 32_000, rules)).toBe(state);
  });

  test("at once after the hold where no traffic would move to it", () => {
    const state = run([
      [0, probe(1, dead)],
      [1_000, probe(1)],
      [1_000 + holdMs, probe(1)],
    ]);
    expect(kinds(state)).toEqual(["serving", "serving"]);
  });

  test("at once after the hold where nothing else serves", () => {
    const state = run([
      [0, probe(0, dead)],
      [0, probe(1, dead)],
      [1_000, probe(0)],
      [1_000 + holdMs, probe(0)],
    ]);
    expect(kinds(state)).toEqual(["serving", "away"]);
  });
});

describe("the last one", () => {
  test("that serves leaves the traffic to one that is returning, which has nothing left to prove", () => {
    const state = next(returning(), probe(1, dead), 32_000, rules);
    expect(kinds(state)).toEqual(["serving", "away"]);
  });
});

describe("flaps", () => {
  test("each doubles the hold, up to its maximum, until it has served for long", () => {
    let state = initialState(2, rules, 0);
    let now = 0;
    const holds: number[] = [];
    for (let n = 0; n < 7; n++) {
      state = next(state, probe(0, dead), now, rules);
      const { holdMs: hold } = state.members[0] as Member;
      holds.push(hold);
      state = run(
        [[now, probe(0)], [now + hold, probe(0)], ...[1, 2, 3, 4, 5].map((n) => [now + hold + n, probe(0)] as const)],
        state,
      );
      expect(kinds(state)[0]).toBe("serving");
      now += hold + 1_000;
    }
    expect(holds).toEqual([30_000, 60_000, 120_000, 240_000, 480_000, 600_000, 600_000]);
    state = next(state, probe(0, dead), now + holdMaxMs, rules);
    expect(state.members[0]?.holdMs).toBe(holdMs);
  });
});

describe("a pin", () => {
  test("sends traffic to a backup that serves, and a release gives it back", () => {
    const state = run([[0, { type: "pin", member: 1, peer: false }]]);
    expect(activeOf(state, rules)).toBe(1);
    expect(activeOf(next(state, { type: "release" }, 1, rules), rules)).toBe(0);
  });

  test("takes one that was away as it is", () => {
    const state = run([
      [0, probe(0, dead)],
      [1, { type: "pin", member: 0, peer: false }],
    ]);
    expect(kinds(state)).toEqual(["serving", "serving"]);
    expect(activeOf(state, rules)).toBe(0);
  });

  test("ends what is tried on another, which then only stands by", () => {
    let state = run([[40_000, { type: "pin", member: 1, peer: false }]], returning());
    expect(kinds(state)).toEqual(["away", "serving"]);
    state = run(
      [
        [41_000, probe(0)],
        [41_000 + holdMs, probe(0)],
      ],
      state,
    );
    expect([kinds(state), activeOf(state, rules)]).toEqual([["serving", "serving"], 1]);
  });

  test("does not hold traffic on an upstream that fails", () => {
    const state = run([
      [0, { type: "pin", member: 1, peer: false }],
      [1, probe(1, dead)],
    ]);
    expect(activeOf(state, rules)).toBe(0);
  });
});

describe("another replica", () => {
  const peer = (member: number, given: Partial<PeerStanding>): FailoverEvent => ({
    type: "peer",
    member,
    peer: { kind: "away", cause: "hang", ageMs: 500, holdMs, returnedMs: null, ...given },
  });

  test("sends an upstream away here, too, with its cause and its hold", () => {
    const state = run([[1_000, peer(0, { holdMs: 2 * holdMs, returnedMs: 9_000 })]]);
    const away = {
      kind: "away",
      generation: 2,
      since: 500,
      cause: "hang",
      wellSince: null,
      holdMs: 2 * holdMs,
      returnedAt: -8_000,
    };
    expect(state.members[0]).toEqual(away);
    expect(activeOf(state, rules)).toBe(1);
  });

  test("brings it back here, too, whatever is left of the hold", () => {
    const state = run([
      [0, probe(0, dead)],
      [1_000, peer(0, { kind: "serving", cause: null, ageMs: 0, returnedMs: 0 })],
    ]);
    expect(state.members[0]).toMatchObject({ kind: "serving", since: 1_000, returnedAt: 1_000 });
    expect(activeOf(state, rules)).toBe(0);
  });

  test("ends what is tried here when a trial failed there", () => {
    const state = next(returning(), peer(0, { holdMs: 2 * holdMs }), 40_000, rules);
    expect(state.members[0]).toMatchObject({ kind: "away", wellSince: null, holdMs: 2 * holdMs });
  });

  test("changes nothing that is so already, and only lengthens the hold of what is away", () => {
    const state = run([[0, probe(0, dead)]]);
    expect(next(state, peer(0, {}), 1_000, rules)).toBe(state);
    expect(next(state, peer(1, { kind: "serving" }), 1_000, rules)).toBe(state);
    const well = next(state, probe(0), 2_000, rules);
    const longer = next(well, peer(0, { holdMs: 4 * holdMs }), 3_000, rules);
    expect(longer.members[0]).toEqual({ ...well.members[0], holdMs: 4 * holdMs });
    expect(next(state, peer(7, {}), 1_000, rules)).toBe(state);
  });

  test("can't set a hold that this manifest does not allow", () => {
    expect(run([[0, peer(0, { holdMs: 1 })]]).members[0]?.holdMs).toBe(holdMs);
    expect(run([[0, peer(0, { holdMs: 9 * holdMaxMs })]]).members[0]?.holdMs).toBe(holdMaxMs);
  });
});

/** Any events, a while apart, about up to four upstreams. */
const anyEvents = fc.array(
  fc.tuple(
    fc.nat(20_000),
    fc.oneof(
      fc.record({
        type: fc.constantFrom("probe" as const, "signs" as const),
        member: fc.nat(3),
        trying: fc.boolean(),
        signs: fc.record({
          consecutive: fc.nat(4),
          probeFailures: fc.nat(3),
          probeSuccesses: fc.nat(6),
          degraded: fc.boolean(),
          objected: fc.boolean(),
          total: fc.nat(40),
          bad: fc.nat(2),
          meanMs: fc.nat(6_000),
        }),
      }),
      fc.record({
        type: fc.constant("probe" as const),
        member: fc.nat(3),
        trying: fc.boolean(),
        signs: fc.constant(well),
      }),
      fc.record({ type: fc.constant("hang" as const), member: fc.nat(3) }),
      fc.record({
        type: fc.constant("trial" as const),
        member: fc.nat(3),
        generation: fc.integer({ min: 1, max: 9 }),
        good: fc.boolean(),
        ms: fc.option(fc.nat(3_000)),
      }),
    ),
  ),
  { maxLength: 300 },
);
const anyRules = fc
  .array(fc.nat(2), { minLength: 1, maxLength: 4 })
  .map((priorities): Rules => ({ ...rules, priorities }));

describe("whatever happens", () => {
  test("none comes back sooner than its hold after it went", () => {
    fc.assert(
      fc.property(anyEvents, anyRules, (events, given) => {
        let now = 0;
        let state = initialState(given.priorities.length, given, now);
        const left = new Map<number, number>();
        for (const [after, event] of events) {
          now += after;
          const before = state;
          state = next(before, event, now, given);
          for (const [i, member] of state.members.entries()) {
            const was = before.members[i] as Member;
            if (was.kind === "serving" && member.kind === "away") left.set(i, now);
            if (was.kind !== "serving" && member.kind === "serving") {
              expect(now - (left.get(i) ?? 0)).toBeGreaterThanOrEqual(holdMs);
            }
          }
        }
      }),
    );
  });

  test("traffic ends on the primary once it is well", () => {
    fc.assert(
      fc.property(anyEvents, anyRules, (events, given) => {
        let now = 0;
        let state = initialState(given.priorities.length, given, now);
        for (const [after, event] of events) {
          now += after;
          state = next(state, event, now, given);
        }
        for (let n = 0; n < (2 * holdMaxMs) / 2_000; n++) {
          now += 2_000;
          for (const i of given.priorities.keys()) state = next(state, probe(i), now, given);
        }
        expect(given.priorities[activeOf(state, given)]).toBe(Math.min(...given.priorities));
      }),
    );
  });

  test("one that has trouble does not serve, and one that is away is never well and back without a whole hold", () => {
    fc.assert(
      fc.property(anyEvents, anyRules, (events, given) => {
        let now = 0;
        let state = initialState(given.priorities.length, given, now);
        for (const [after, event] of events) {
          now += after;
          state = next(state, event, now, given);
          const member = "member" in event ? state.members[event.member] : undefined;
          if (member === undefined || !("signs" in event)) continue;
          if (troubleOf(event.signs, given) !== null) expect(member.kind).toBe("away");
          if (member.kind === "away" && member.wellSince !== null) expect(isWell(event.signs, given)).toBe(true);
        }
      }),
    );
  });
});
