import fc from "fast-check";
import { expect, test } from "vitest";
import type { Ack, Facts, Visit, VisitEnd } from "./facts.ts";
import { promised } from "./history.ts";
import { judge } from "./verdict.ts";

/** The judge is tried first: a verdict that lets anything pass proves nothing. */

const ack = (given: Partial<Ack> = {}): Ack => ({
  id: "one",
  route: "plain",
  number: 1,
  key: null,
  seq: -1,
  at: 0,
  ...given,
});

/** Of one life, from `at` for 10 ms. */
const visit = (end: VisitEnd, at: number, given: Partial<Visit> = {}): Visit => ({
  ...ack(),
  life: 1,
  attempt: 0,
  arrivedAt: at,
  endedAt: at + 10,
  end,
  whole: true,
  ...given,
});

const facts = (given: Partial<Facts>): Facts => ({
  acks: [ack()],
  visits: [],
  dead: [],
  lives: [{ n: 1, endedAt: Number.POSITIVE_INFINITY }],
  outages: [],
  ...given,
});

const kinds = (given: Partial<Facts>): string[] => judge(facts(given)).violations.map(({ kind }) => kind);
const first = ack({ id: "first", key: "k", seq: 0, route: "ordered" });
const second = ack({ id: "second", number: 2, key: "k", seq: 1, route: "ordered" });
const twoLives = [
  { n: 1, endedAt: 1_000 },
  { n: 2, endedAt: Number.POSITIVE_INFINITY },
];

test("a history in which every promise was kept has no violation, and its repetitions are counted", () => {
  fc.assert(
    fc.property(promised, ({ facts, repeated }) => {
      const verdict = judge(facts);
      expect(verdict.violations).toEqual([]);
      expect(verdict.delivered + verdict.dead).toBe(facts.acks.length);
      expect(verdict.duplicates.kill).toBe(repeated);
    }),
    { numRuns: 300 },
  );
});

test("whichever acknowledged job is neither answered well nor dead is lost, and named", () => {
  fc.assert(
    fc.property(promised, fc.nat(1_000), ({ facts }, n) => {
      const { id } = facts.acks[n % facts.acks.length]!;
      const without: Facts = {
        ...facts,
        visits: facts.visits.filter((one) => one.id !== id || one.end !== "good"),
        dead: facts.dead.filter((one) => one.id !== id),
      };
      const { violations } = judge(without);
      expect(violations.map(({ kind, id }) => [kind, id])).toEqual([["lost", id]]);
    }),
    { numRuns: 300 },
  );
});

test("whichever good answer is given twice in one life is a duplicate", () => {
  fc.assert(
    fc.property(promised, fc.nat(1_000), ({ facts }, n) => {
      const good = facts.visits.filter(({ end, key }) => end === "good" && key === null);
      fc.pre(good.length > 0);
      const one = good[n % good.length]!;
      const again = { ...one, arrivedAt: one.endedAt + 0.25, endedAt: one.endedAt + 0.5 };
      const { violations } = judge({ ...facts, visits: [...facts.visits, again] });
      expect(violations.map(({ kind }) => kind)).toEqual(["duplicate"]);
      expect(violations[0]?.evidence).toContain(one.id);
    }),
    { numRuns: 300 },
  );
});

test("whichever visit of a key is moved behind a later one is disorder", () => {
  fc.assert(
    fc.property(promised, fc.nat(1_000), ({ facts }, n) => {
      const early = facts.visits.filter((one) =>
        facts.visits.some((b) => b.key !== null && b.key === one.key && b.seq > one.seq),
      );
      fc.pre(early.length > 0);
      const moved = early[n % early.length]!;
      const end = Math.max(...facts.visits.map(({ endedAt }) => endedAt));
      const late = { ...moved, life: facts.lives.length, arrivedAt: end + 1, endedAt: end + 2 };
      const visits = facts.visits.map((one) => (one === moved ? late : one));
      const { violations } = judge({ ...facts, visits });
      expect(violations.map(({ kind }) => kind)).toContain("order");
      expect(violations.find(({ kind }) => kind === "order")?.evidence).toContain(moved.id);
    }),
    { numRuns: 300 },
  );
});

test("a duplicate is explained by a kill soon after the first answer, and not by one long after", () => {
  const pair = (endedAt: number): Visit[] => [
    visit("good", endedAt - 10),
    visit("good", 9_000, { life: 2, attempt: 1 }),
  ];
  const lives = [{ n: 1, endedAt: 8_000 }, twoLives[1]!];
  expect(kinds({ lives, visits: pair(7_990) })).toEqual([]);
  expect(kinds({ lives, visits: pair(2_000) })).toEqual(["duplicate"]);
  // Killed as it was read: the app was late.
  expect(kinds({ lives, visits: pair(8_020) })).toEqual([]);
});

test("a third good answer needs a kill of its own", () => {
  const visits = [900, 1_100, 1_200].map((at, i) => visit("good", at, { life: Math.min(i + 1, 2), attempt: i }));
  expect(kinds({ lives: twoLives, visits })).toEqual(["duplicate"]);
});

test("a duplicate in one life is explained by an outage at its first answer only", () => {
  const visits = [visit("good", 100), visit("good", 9_000, { attempt: 1 })];
  const during = { kind: "thread" as const, from: 105, to: 2_000 };
  expect(judge(facts({ visits, outages: [during] }))).toMatchObject({ violations: [], duplicates: { outage: 1 } });
  expect(kinds({ visits, outages: [{ kind: "disk", from: 6_000, to: 7_000 }] })).toEqual(["duplicate"]);
  expect(kinds({ visits, outages: [{ kind: "disk", from: 0, to: 50 }] })).toEqual(["duplicate"]);
});

test("of several sidecars the death of one explains what it had in flight, whoever sends it again, and nothing else", () => {
  const lives = [
    { n: 1, replica: 0, endedAt: Number.POSITIVE_INFINITY },
    { n: 2, replica: 1, endedAt: 1_000 },
  ];
  const again = (first: number, second: number) => [
    visit("good", 900, { life: first }),
    visit("good", 9_000, { life: second }),
  ];
  expect(kinds({ lives, visits: again(2, 1) })).toEqual([]);
  expect(kinds({ lives, visits: again(1, 2) })).toEqual(["duplicate"]);
  // It came before the death.
  expect(kinds({ lives, visits: [visit("good", 900, { life: 2 }), visit("good", 950)] })).toEqual(["duplicate"]);
});

test("a wire that is cut explains what its own sidecar could not tell", () => {
  const lives = [0, 1].map((replica) => ({ n: replica + 1, replica, endedAt: Number.POSITIVE_INFINITY }));
  const cut = { kind: "cut" as const, replica: 1, from: 105, to: 2_000 };
  const again = (first: number, second: number) => [
    visit("good", 100, { life: first }),
    visit("good", 9_000, { life: second }),
  ];
  expect(kinds({ lives, outages: [cut], visits: again(2, 1) })).toEqual([]);
  expect(kinds({ lives, outages: [cut], visits: again(1, 2) })).toEqual(["duplicate"]);
});

test("what was not acknowledged may come or not, late or twice after a kill, but not twice in one life", () => {
  expect(kinds({ acks: [second], visits: [visit("good", 0, second), visit("good", 50, first)] })).toEqual([]);
  expect(kinds({ acks: [], visits: [visit("good", 990), visit("good", 1_500, { life: 2 })], lives: twoLives })).toEqual(
    [],
  );
  expect(kinds({ acks: [], visits: [visit("good", 0), visit("good", 50)] })).toEqual(["duplicate"]);
});

test("a later one of a key never comes before an acknowledged one has ended, not even after a kill", () => {
  const acks = [first, second];
  const inOrder = [visit("failed", 0, first), visit("good", 50, first), visit("good", 100, second)];
  expect(kinds({ acks, visits: inOrder })).toEqual([]);
  expect(kinds({ acks, visits: [visit("good", 50, first), visit("good", 0, second)] })).toEqual(["order"]);
  const forgotten = [
    visit("good", 950, first),
    visit("good", 970, second),
    visit("good", 1_500, { ...first, life: 2 }),
  ];
  expect(kinds({ acks, lives: twoLives, visits: forgotten })).toEqual(["order"]);
});

test("two of a key are never at the app at once, unless the first was killed with its sidecar", () => {
  const acks = [first, second];
  const during = [visit("good", 0, first), visit("good", 5, second)];
  expect(kinds({ acks, visits: during })).toEqual(["overlap"]);
  const killed = [visit("left", 995, { ...first, endedAt: 1_600 }), visit("good", 1_500, { ...first, life: 2 })];
  expect(kinds({ acks: [first], lives: twoLives, visits: killed })).toEqual([]);
});

test("a hanging one that the sidecar gave up may be seen to end a little late", () => {
  const hung = (endedAt: number): Visit[] => [
    visit("hung", 0, { ...first, endedAt }),
    visit("good", 2_500, { ...first, attempt: 1 }),
  ];
  expect(kinds({ acks: [first], visits: hung(2_600) })).toEqual([]);
  expect(kinds({ acks: [first], visits: hung(4_000) })).toEqual(["overlap"]);
});

test("a refused one is dead of its status, and no other dies while the app never refuses it", () => {
  const refused = ack({ number: 13 });
  const visits = [visit("refused", 0, { number: 13 })];
  const dead = (reason: string) => [{ id: "one", reason }];
  expect(kinds({ acks: [refused], visits, dead: dead("permanent_status") })).toEqual([]);
  expect(kinds({ acks: [refused], visits, dead: dead("expired") })).toEqual(["dead"]);
  expect(kinds({ acks: [refused], visits })).toEqual(["lost"]);
  expect(kinds({ visits: [visit("failed", 0)], dead: dead("permanent_status") })).toEqual(["dead"]);
  expect(kinds({ visits: [visit("failed", 0)], dead: dead("attempts_exhausted") })).toEqual(["dead"]);
  const all = Array.from({ length: 100 }, (_, n) => visit("failed", n * 100, { attempt: n }));
  expect(kinds({ visits: all, dead: dead("attempts_exhausted") })).toEqual([]);
});

test("another body, another number and an id that was given twice are seen", () => {
  expect(kinds({ visits: [visit("good", 0, { whole: false })] })).toEqual(["mixed"]);
  expect(kinds({ visits: [visit("good", 0, { number: 2 })] })).toEqual(["mixed"]);
  expect(kinds({ acks: [ack(), ack({ number: 2 })], visits: [visit("good", 0)] })).toEqual(["mixed"]);
});
