import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PeerBreaker } from "../../src/core/peer.ts";
import type { BreakerSettings } from "../../src/core/settings.route.ts";
import {
  admits,
  type BreakerEvent,
  type BreakerState,
  type Closed,
  type HalfOpen,
  initialState,
  next,
  type Open,
  PEER_TRIAL_MS,
  recoveryMs,
  TRIAL_LAPSE_MS,
} from "../../src/policy/breaker.state.ts";
import { BREAKER as settings } from "../help/breaker.ts";

const closed: Closed = { kind: "closed", generation: 7, since: 0, cause: "recovered" };
const open: Open = { kind: "open", generation: 7, since: 0, cause: "failures", until: 60_000, reopenings: 1 };
const halfOpen: HalfOpen = {
  kind: "half_open",
  generation: 7,
  since: 0,
  cause: "failures",
  reopenings: 1,
  running: 1,
  successes: 1,
  lastTrialAt: 0,
};

const admit: BreakerEvent = { type: "admit" };
const none = { consecutive: 0, total: 0, failures: 0 };
const settle = (result: "good" | "bad" | "none", counts = none, permit = 7): BreakerEvent => ({
  type: "settle",
  permit,
  result,
  counts,
});

const peer = (given: Partial<PeerBreaker>): BreakerEvent => ({
  type: "peer",
  peer: { kind: "open", cause: "failures", ageMs: 0, leftMs: 1_000, reopenings: 0, ...given },
  headStartMs: 700,
});

describe("one step of the machine", () => {
  const two = { ...settings, probes: 2 };
  const steps: [title: string, state: BreakerState, event: BreakerEvent, now: number, expected: object | "same"][] = [
    ["closed admits and stays the same object", closed, admit, 5, "same"],
    [
      "closed stays closed on a good result",
      closed,
      settle("good", { consecutive: 0, total: 99, failures: 98 }),
      5,
      "same",
    ],
    [
      "closed stays closed below the threshold",
      closed,
      settle("bad", { consecutive: 4, total: 4, failures: 4 }),
      5,
      "same",
    ],
    [
      "closed opens at the threshold of failures in a row",
      closed,
      settle("bad", { consecutive: 5, total: 5, failures: 5 }),
      5,
      { kind: "open", generation: 8, since: 5, cause: "failures", until: 60_005, reopenings: 0 },
    ],
    [
      "closed opens when half of the samples failed",
      closed,
      settle("bad", { consecutive: 1, total: 20, failures: 10 }),
      5,
      { kind: "open", cause: "failure_rate", until: 60_005 },
    ],
    ["closed waits for enough samples", closed, settle("bad", { consecutive: 1, total: 19, failures: 19 }), 5, "same"],
    ["closed stays below the rate", closed, settle("bad", { consecutive: 1, total: 21, failures: 10 }), 5, "same"],
    ["open refuses before its time", open, admit, 59_999.9, "same"],
    [
      "open lets the first trial through when its time has come",
      open,
      admit,
      60_000,
      { kind: "half_open", generation: 8, since: 60_000, running: 1, successes: 0, reopenings: 1, cause: "failures" },
    ],
    ["half-open refuses beyond its probes", halfOpen, admit, 5, "same"],
    ["half-open counts a good trial", halfOpen, settle("good"), 5, { kind: "half_open", running: 0, successes: 2 }],
    [
      "half-open closes with enough good ones",
      { ...halfOpen, successes: 2 },
      settle("good"),
      5,
      { kind: "closed", generation: 8, since: 5, cause: "recovered" },
    ],
    [
      "half-open opens again on one failure, for twice as long",
      halfOpen,
      settle("bad"),
      5,
      { kind: "open", generation: 8, cause: "probe_failed", until: 5 + 240_000, reopenings: 2 },
    ],
    [
      "a trial that says nothing frees its place and no more",
      halfOpen,
      settle("none"),
      5,
      { kind: "half_open", generation: 7, running: 0, successes: 1 },
    ],
    [
      "a trial that never came back gives up its place, in a period of its own",
      halfOpen,
      admit,
      TRIAL_LAPSE_MS,
      { kind: "half_open", generation: 8, running: 1, successes: 1 },
    ],
    ["a late good result changes nothing", halfOpen, settle("good", none, 6), 5, "same"],
    ["a late bad result changes nothing", halfOpen, settle("bad", none, 6), 5, "same"],
    ["a late result changes nothing while open", open, settle("bad", none, 6), 5, "same"],
    ["trip opens for the usual recovery", closed, { type: "trip", forMs: null }, 5, { kind: "open", until: 60_005 }],
    [
      "trip opens for the time given",
      halfOpen,
      { type: "trip", forMs: 9 },
      5,
      { kind: "open", until: 14, cause: "operator" },
    ],
    [
      "closed opens as a peer did, and leaves the first trial to it for a while",
      closed,
      peer({ kind: "open", cause: "failure_rate", ageMs: 3, leftMs: 20_000, reopenings: 2 }),
      5,
      { kind: "open", generation: 8, since: 2, cause: "failure_rate", until: 20_005 + 700, reopenings: 2 },
    ],
    [
      "open takes over when a peer tries again, and goes on as it is",
      open,
      peer({ kind: "open", cause: "operator", leftMs: 900_000, reopenings: 0 }),
      5,
      { kind: "open", generation: 7, since: 0, cause: "operator", until: 900_005 + 700, reopenings: 0 },
    ],
    [
      "no peer keeps it open for longer than recovery_max, but for an operator",
      closed,
      peer({ kind: "open", cause: "failures", leftMs: 900_000 }),
      5,
      { kind: "open", until: 300_005 + 700 },
    ],
    [
      "open waits for the trials of a peer, but not for ever",
      open,
      peer({ kind: "half_open", ageMs: 1_000 }),
      5,
      { kind: "open", generation: 7, until: 5 + PEER_TRIAL_MS - 1_000 + 700 },
    ],
    ["half-open goes on with trials of its own beside a peer's", halfOpen, peer({ kind: "half_open" }), 5, "same"],
    [
      "half-open opens when the trial of a peer failed",
      halfOpen,
      peer({ kind: "open" }),
      5,
      { kind: "open", generation: 8 },
    ],
    ["half-open closes with a peer", halfOpen, peer({ kind: "closed" }), 5, { kind: "closed", generation: 8 }],
    ["closed keeps its counts when a peer closes", closed, peer({ kind: "closed" }), 5, "same"],
    [
      "a cause of another version's is none of ours",
      closed,
      peer({ kind: "open", cause: "full moon" }),
      5,
      { kind: "open", cause: "restored" },
    ],
    ["reset closes", open, { type: "reset" }, 5, { kind: "closed", generation: 8, cause: "operator" }],
  ];

  test.each(steps)("%s", (_title, state, event, now, expected) => {
    const after = next(state, event, now, settings);
    if (expected === "same") expect(after).toBe(state);
    else expect(after).toMatchObject(expected);
  });

  test("half-open lets as many through at once as it has probes", () => {
    const second = next(halfOpen, admit, 5, two);
    expect(second).toMatchObject({ kind: "half_open", generation: 7, running: 2 });
    expect(next(second, admit, 5, two)).toBe(second);
  });
});

test("the wait doubles with each reopening up to its maximum, however many there are", () => {
  expect([0, 1, 2, 3, 2000].map((n) => recoveryMs(n, settings))).toEqual([60_000, 120_000, 240_000, 300_000, 300_000]);
});

const anySettings: fc.Arbitrary<BreakerSettings> = fc.record({
  enabled: fc.constant(true),
  failures: fc.integer({ min: 1, max: 6 }),
  recoveryMs: fc.integer({ min: 1, max: 100 }),
  recoveryMaxMs: fc.integer({ min: 100, max: 1000 }),
  successes: fc.integer({ min: 1, max: 4 }),
  probes: fc.integer({ min: 1, max: 4 }),
  failureRate: fc.integer({ min: 1, max: 100 }),
  windowMs: fc.integer({ min: 10, max: 200 }),
  minSamples: fc.integer({ min: 1, max: 20 }),
  dryRun: fc.constant(false),
});

/** What may happen next; `permit` picks one of the permits given so far, old ones too. */
const anyStep = fc.record({
  waitMs: fc.integer({ min: 0, max: 150 }),
  what: fc.constantFrom("admit", "admit", "good", "bad", "none", "trip", "reset"),
  permit: fc.nat(),
});

test("whatever happens: nothing is admitted before until, trials keep to their number, late results change nothing", () => {
  fc.assert(
    fc.property(anySettings, fc.array(anyStep, { maxLength: 120 }), (given, steps) => {
      let state: BreakerState = initialState(0);
      let now = 0;
      const out: number[] = [];
      const counts = { consecutive: 0, total: 0, failures: 0 };
      for (const step of steps) {
        now += step.waitMs;
        const before: BreakerState = state;
        if (step.what === "admit") {
          const yes = admits(before, now, given);
          state = next(before, admit, now, given);
          if (before.kind === "open") expect(yes).toBe(now >= before.until);
          if (yes) out.push(state.generation);
          else expect(state).toBe(before);
        } else if (step.what === "trip") state = next(before, { type: "trip", forMs: null }, now, given);
        else if (step.what === "reset") state = next(before, { type: "reset" }, now, given);
        else if (out.length > 0) {
          const [permit] = out.splice(step.permit % out.length, 1);
          const result = step.what as "good" | "bad" | "none";
          if (permit === before.generation && before.kind === "closed") {
            counts.consecutive = result === "bad" ? counts.consecutive + 1 : 0;
          }
          state = next(before, { type: "settle", permit: permit!, result, counts }, now, given);
          if (permit !== before.generation) expect(state).toBe(before);
        }
        if (state.kind !== before.kind) counts.consecutive = 0;
        if (state.kind === "half_open") {
          const { generation } = state;
          expect(state.running).toBe(out.filter((permit) => permit === generation).length);
          expect(state.running).toBeLessThanOrEqual(given.probes);
        }
        if (state.kind === "open") expect(state.until - state.since).toBeLessThanOrEqual(given.recoveryMaxMs);
        expect([0, 1]).toContain(state.generation - before.generation);
        if (state.kind !== before.kind) expect(state.generation).toBe(before.generation + 1);
      }
    }),
    { numRuns: 500 },
  );
});
