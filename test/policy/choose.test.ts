import fc from "fast-check";
import { expect, test } from "vitest";
import {
  anyUsable,
  choose as chooseFor,
  isVain,
  nothingUsable,
  onlyTrials,
  type Target,
  untriedCount,
} from "../../src/policy/choose.ts";
import { UNWATCHED } from "../../src/policy/failover.cell.ts";
import { createSeededRandom } from "../help/seeded-random.ts";

const random = createSeededRandom(7);

interface Given extends Partial<Target> {
  readonly priority?: number;
  readonly open?: boolean;
  readonly retryMs?: number;
  readonly stand?: Partial<Target["health"]>;
}

function target({ priority = 0, stand, ...given }: Given = {}): Target {
  return {
    name: "primary",
    weight: 1,
    health: { ...UNWATCHED, rank: priority, ...stand },
    admits: () => given.open !== true,
    onTrial: () => given.open === true,
    retryAfterMs: () => given.retryMs ?? null,
    send: () => Promise.reject(new Error("not sent here")),
    sent: () => undefined,
    mayRepeat: () => true,
    repeatEnded: () => undefined,
    ...given,
  };
}

const away = { serving: false };
const returning = { serving: false, returning: true };

function choose(upstreams: readonly Target[], tried: number, now: number, from = random, over = 0): number {
  return chooseFor(upstreams, { tried, repeatable: false }, now, from, over);
}

test("one upstream is chosen while its breaker admits, tried or not", () => {
  expect(choose([target()], 0, 0, random)).toBe(0);
  expect(choose([target()], 1, 0, random)).toBe(0);
  expect(choose([target({ open: true })], 0, 0, random)).toBe(-1);
});

test("the usable and untried upstream of the smallest priority number comes first", () => {
  const upstreams = [target({ priority: 1 }), target({ priority: 0 })];
  expect(choose(upstreams, 0, 0, random)).toBe(1);
  expect(choose(upstreams, 0b10, 0, random)).toBe(0);
  expect(choose(upstreams, 0b11, 0, random)).toBe(1);
});

test("an upstream whose breaker is open is passed over for a backup", () => {
  expect(choose([target({ open: true }), target({ priority: 1 })], 0, 0, random)).toBe(1);
});

test("load is shared by weight among upstreams of one priority", () => {
  const upstreams = [target({ weight: 3 }), target({ weight: 1 })];
  let first = 0;
  for (let i = 0; i < 4000; i++) if (choose(upstreams, 0, 0, random) === 0) first++;
  expect(first).toBeGreaterThan(2800);
  expect(first).toBeLessThan(3200);
});

test("one that is away is passed over, whatever its priority, and is not what a failed request moves to", () => {
  const upstreams = [target({ stand: away }), target({ priority: 1 })];
  expect(choose(upstreams, 0, 0)).toBe(1);
  expect(choose(upstreams, 0b10, 0)).toBe(1);
  expect(untriedCount(upstreams, 0b10, 0)).toBe(0);
});

test("one that is away is no way round the open breaker of the one that serves", () => {
  const upstreams = [target({ stand: away }), target({ priority: 1, open: true })];
  expect(choose(upstreams, 0, 0)).toBe(-1);
  expect(anyUsable(upstreams, 0)).toBe(false);
  expect(anyUsable([target({ stand: away }), target({ stand: away, open: true })], 0)).toBe(true);
});

test("where none serves, whatever a breaker admits is tried, the one with the fewest failures in a row first", () => {
  const failed = (failures: number) => target({ stand: { ...away, failures } });
  const upstreams = [failed(9), failed(2), failed(5)];
  expect(choose(upstreams, 0, 0)).toBe(1);
  expect(choose(upstreams, 0b010, 0)).toBe(2);
  expect(untriedCount(upstreams, 0b010, 0)).toBe(2);
  expect(choose([target({ stand: away, open: true }), target({ stand: away, open: true })], 0, 0)).toBe(-1);
});

test("a try of one that does not serve may be in vain, though another serves; one upstream alone serves, however it is", () => {
  expect(isVain([target({ stand: away }), target({ open: true })], 0)).toBe(true);
  expect(isVain([target({ stand: away }), target()], 1)).toBe(false);
  expect(isVain([target({ stand: away })], 0)).toBe(false);
});

test("a returning upstream takes one request that may be repeated, and nothing else", () => {
  const upstreams = [target({ stand: returning }), target({ priority: 1 })];
  expect(chooseFor(upstreams, { tried: 0, repeatable: true }, 0, random)).toBe(0);
  expect(chooseFor(upstreams, { tried: 0, repeatable: false }, 0, random)).toBe(1);
  expect(chooseFor(upstreams, { tried: 0b01, repeatable: true }, 0, random)).toBe(1);
  const taken = [target({ stand: { ...returning, trying: true } }), target({ priority: 1 })];
  expect(chooseFor(taken, { tried: 0, repeatable: true }, 0, random)).toBe(1);
  const open = [target({ stand: returning, open: true }), target({ priority: 1 })];
  expect(chooseFor(open, { tried: 0, repeatable: true }, 0, random)).toBe(1);
});

test("a request is tried on a returning upstream only where it could move on from there", () => {
  const upstreams = [target({ stand: { ...returning, failures: 9 } }), target({ stand: away, priority: 1 })];
  expect(chooseFor(upstreams, { tried: 0, repeatable: true }, 0, random)).toBe(1);
});

test("whatever the upstreams: never an unusable one while a usable one exists, and an untried one before any tried", () => {
  const upstream = fc.record({
    priority: fc.nat(3),
    weight: fc.integer({ min: 1, max: 9 }),
    open: fc.boolean(),
    serving: fc.boolean(),
    failures: fc.nat(5),
  });
  fc.assert(
    fc.property(fc.array(upstream, { minLength: 2, maxLength: 30 }), fc.nat(), (list, bits) => {
      const upstreams = list.map(({ serving, failures, ...given }) =>
        target({ ...given, stand: { serving, failures } }),
      );
      const tried = bits & (2 ** list.length - 1);
      const chosen = choose(upstreams, tried, 0);
      const admitting = list.flatMap((one, i) => (one.open ? [] : [i]));
      const serving = admitting.filter((i) => list[i]?.serving);
      const usable = list.some((one) => one.serving) ? serving : admitting;
      const fresh = usable.filter((i) => (tried & (1 << i)) === 0);
      if (usable.length === 0) return chosen === -1;
      const pool = fresh.length > 0 ? fresh : usable;
      const orderOf = (i: number): number => (serving.length > 0 ? list[i]?.priority : list[i]?.failures) ?? Number.NaN;
      return pool.includes(chosen) && orderOf(chosen) === Math.min(...pool.map(orderOf));
    }),
  );
});

test("untried upstreams are counted only where they are usable", () => {
  const upstreams = [target(), target({ open: true }), target()];
  expect(untriedCount(upstreams, 0, 0)).toBe(2);
  expect(untriedCount(upstreams, 0b100, 0)).toBe(1);
  expect(untriedCount([target()], 0, 0)).toBe(1);
  expect(untriedCount([target()], 1, 0)).toBe(0);
});

test("with one upstream an open breaker is named; with several there is no upstream, and the soonest trial is told", () => {
  expect(nothingUsable([target({ retryMs: 700 })], 0)).toMatchObject({
    reason: "breaker_open",
    upstream: "primary",
    retryAfterMs: 700,
  });
  const several = nothingUsable([target({ retryMs: 900 }), target({ retryMs: 400 }), target()], 0);
  expect(several).toMatchObject({ reason: "no_upstream", upstream: null, retryAfterMs: 400 });
});

test("a call is a trial where each upstream that would take it is on trial, whatever those are that take none", () => {
  const well = target();
  const open = target({ open: true });
  const trying = target({ onTrial: () => true });
  const down = target({ stand: away });
  expect(onlyTrials([well], 0)).toBe(false);
  expect(onlyTrials([open], 0)).toBe(true);
  expect(onlyTrials([trying], 0)).toBe(true);
  expect(onlyTrials([trying, well], 0)).toBe(false);
  expect(onlyTrials([open, well], 0)).toBe(false);
  // One that is away gets no call, so its breaker is closed.
  expect(onlyTrials([trying, down], 0)).toBe(true);
  expect(onlyTrials([open, open], 0)).toBe(true);
});

test("where none serves, a call to one that failed last is a trial, though its breaker never saw a call", () => {
  const failing = target({ stand: { ...away, failures: 1 } });
  const answering = target({ stand: away });
  const open = target({ open: true, stand: { ...away, failures: 3 } });
  expect(onlyTrials([open, failing], 0)).toBe(true);
  expect(onlyTrials([open, answering], 0)).toBe(false);
  // One upstream alone serves, however it is.
  expect(onlyTrials([failing], 0)).toBe(false);
});
