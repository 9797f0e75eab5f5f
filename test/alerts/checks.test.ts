import { expect, test } from "vitest";
import { createChecks } from "../../src/alerts/checks.ts";
import { createManualClock } from "../help/manual-clock.ts";

/** When checks begin; each is under way until `end`. */
function rig() {
  const clock = createManualClock();
  const began: number[] = [];
  let end: () => void = () => undefined;
  const checks = createChecks(clock, () => {
    began.push(clock.now());
    return new Promise((ended) => {
      end = ended;
    });
  });
  const settled = () => new Promise(setImmediate);
  return {
    clock,
    checks,
    began,
    async pass(ms: number) {
      clock.advance(ms);
      await settled();
    },
    async soon() {
      checks.soon();
      await settled();
    },
    async end() {
      end();
      await settled();
    },
  };
}

test("the first that is asked for soon begins at once, those after it a second after the end of the one before", async () => {
  const { began, pass, soon, end } = rig();
  await soon();
  expect(began).toEqual([0]);
  await pass(300);
  await end();
  for (let n = 0; n < 10; n++) {
    await pass(50);
    await soon();
  }
  await pass(499);
  expect(began).toEqual([0]);
  await pass(1);
  expect(began).toEqual([0, 1300]);
  await end();
  await pass(60_000);
  expect(began).toEqual([0, 1300]);
  await soon();
  expect(began).toEqual([0, 1300, 61_300]);
});

test("what comes while one is under way is checked by another, however long that took", async () => {
  const { began, pass, soon, end } = rig();
  await soon();
  await pass(5_000);
  for (let n = 0; n < 3; n++) await soon();
  await end();
  await pass(999);
  expect(began).toEqual([0]);
  await pass(1);
  expect(began).toEqual([0, 6_000]);
  await end();
  await pass(10_000);
  expect(began).toEqual([0, 6_000]);
});

test("a check that begins in the meantime is the one that was asked for, and nobody else waits", async () => {
  const { checks, began, clock, pass, soon, end } = rig();
  await soon();
  await end();
  await pass(200);
  await soon();
  const asked = checks.now();
  await pass(0);
  await pass(100);
  expect(began).toEqual([0, 200]);
  await end();
  await asked;
  await pass(5_000);
  expect(began).toEqual([0, 200]);
  expect(clock.pending()).toBe(0);
});

test("none begins after the end", async () => {
  const { checks, began, clock, pass, soon, end } = rig();
  await soon();
  await soon();
  const stopped = checks.stop();
  await end();
  await stopped;
  await soon();
  await pass(5_000);
  expect(began).toEqual([0]);
  expect(clock.pending()).toBe(0);
});
