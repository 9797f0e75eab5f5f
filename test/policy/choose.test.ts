import fc from "fast-check";
import { expect, test } from "vitest";
import { choose, nothingUsable, type Target, untriedCount } from "../../src/policy/choose.ts";
import { createSeededRandom } from "../help/seeded-random.ts";

const random = createSeededRandom(7);

function target(given: Partial<Target> & { open?: boolean; retryMs?: number } = {}): Target {
  return {
    name: "primary",
    priority: 0,
    weight: 1,
    admits: () => given.open !== true,
    retryAfterMs: () => given.retryMs ?? null,
    send: () => Promise.reject(new Error("not sent here")),
    sent: () => undefined,
    mayRepeat: () => true,
    repeatEnded: () => undefined,
    ...given,
  };
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

test("whatever the upstreams: never an unusable one, and an untried usable one before any tried", () => {
  const upstream = fc.record({ priority: fc.nat(3), weight: fc.integer({ min: 1, max: 9 }), open: fc.boolean() });
  fc.assert(
    fc.property(fc.array(upstream, { minLength: 1, maxLength: 30 }), fc.nat(), (list, bits) => {
      const upstreams = list.map(target);
      const tried = bits & (2 ** list.length - 1);
      const chosen = choose(upstreams, tried, 0, random);
      const usable = list.flatMap((one, i) => (one.open ? [] : [i]));
      const fresh = usable.filter((i) => (tried & (1 << i)) === 0);
      if (usable.length === 0) return chosen === -1;
      const pool = fresh.length > 0 ? fresh : usable;
      const best = Math.min(...pool.map((i) => (list[i] as { priority: number }).priority));
      return pool.includes(chosen) && list[chosen]?.priority === best;
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
