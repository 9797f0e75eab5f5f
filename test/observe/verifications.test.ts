import { expect, test } from "vitest";
import type { VerificationCount } from "../../src/core/stored.ts";
import { createVerificationTally } from "../../src/observe/verifications.ts";
import { createManualClock } from "../help/manual-clock.ts";

const HOUR = 3_600_000;
const QUIZ = { app: "quiz", capability: "winner" };
const POLL = { app: "poll", capability: "closed" };

/** A tally over a store that only keeps rows, and fails when told to. */
function rig() {
  const clock = createManualClock(500_000 * HOUR);
  const rows: VerificationCount[] = [];
  const store = { away: false, writes: 0 };
  const tally = createVerificationTally({
    clock,
    async write(given) {
      store.writes++;
      if (store.away) throw new Error("away");
      rows.push(...given);
    },
    read: async (hours) => hours.map((hour) => rows.filter((row) => row.hour >= hour)),
  });
  const settled = async (): Promise<void> => {
    for (let turn = 0; turn < 4; turn++) await new Promise(setImmediate);
  };
  return { clock, rows, store, tally, settled };
}

const none = { verified: 0, failed: 0, unverified: 0 };

test("counts are seen at once, written down together, and seen once then, too", async () => {
  const { tally, clock, rows, store, settled } = rig();
  for (const result of ["verified", "verified", "failed", "unverified"] as const) tally.count(QUIZ, result);
  tally.count(POLL, "verified");
  const counts = { verified: 2, failed: 1, unverified: 1 };
  const expected = [
    { ...QUIZ, windows: { "1h": counts, "24h": counts, "7d": counts } },
    { ...POLL, windows: Object.fromEntries(["1h", "24h", "7d"].map((w) => [w, { ...none, verified: 1 }])) },
  ];
  expect(await tally.rates()).toEqual(expected);
  expect(store.writes).toBe(0);
  clock.advance(5000);
  await settled();
  expect(rows).toHaveLength(2);
  expect(await tally.rates()).toEqual(expected);
  clock.advance(60_000);
  await settled();
  expect(store.writes).toBe(1);
});

test("a window has the hour that runs and so many before it", async () => {
  const { tally, clock } = rig();
  const seen = async (): Promise<number[]> => {
    const [route] = await tally.rates();
    return [route?.windows["1h"].failed ?? 0, route?.windows["24h"].failed ?? 0, route?.windows["7d"].failed ?? 0];
  };
  tally.count(QUIZ, "failed");
  clock.advance(2 * HOUR - 1);
  expect(await seen()).toEqual([1, 1, 1]);
  clock.advance(1);
  expect(await seen()).toEqual([0, 1, 1]);
  clock.advance(23 * HOUR);
  expect(await seen()).toEqual([0, 0, 1]);
  clock.advance(144 * HOUR);
  expect(await seen()).toEqual([0, 0, 0]);
});

test("what can't be written down is kept and tried again, and the last of it goes with the stop", async () => {
  const { tally, clock, rows, store, settled } = rig();
  store.away = true;
  tally.count(QUIZ, "verified");
  clock.advance(5000);
  await settled();
  tally.count(QUIZ, "verified");
  store.away = false;
  clock.advance(5000);
  await settled();
  expect(rows).toMatchObject([{ ...QUIZ, verified: 2 }]);
  tally.count(QUIZ, "failed");
  await tally.stop();
  expect(rows).toHaveLength(2);
  expect(clock.pending()).toBe(0);
});
