import { expect, test } from "vitest";
import { createChecks } from "../../src/alerts/checks.ts";
import type { AlertMetric } from "../../src/core/alert.ts";
import { createManualClock } from "../help/manual-clock.ts";

/** When checks begin; each is under way until `end`. */
function rig() {
  const clock = createManualClock();
  const began: number[] = [];
  const about: unknown[] = [];
  let end: () => void = () => undefined;
  const checks = createChecks(clock, (only) => {
    began.push(clock.now());
    about.push(only === null ? "all" : [...only]);
    return new Promise((ended) => {
      end = ended;
    });
  });
  const settled = () => new Promise(setImmediate);
  return {
    clock,
    checks,
    began,
    /** What each was about. */
    about,
    async pass(ms: number) {
      clock.advance(ms);
      await settled();
    },
    async soon(metric: AlertMetric = "breaker_open") {
      checks.soon(metric);
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

test("one is about what it was asked for since the one before, and about all where somebody asked for that", async () => {
  const { checks, about, pass, soon, end } = rig();
  await soon();
  await soon("health_failures");
  await end();
  await soon();
  await pass(1_000);
  expect(about).toEqual([["breaker_open"], ["health_failures", "breaker_open"]]);
  const asked = checks.now();
  await soon();
  await end();
  expect(about.slice(2)).toEqual(["all"]);
  await end();
  await asked;
  await pass(60_000);
  expect(about).toHaveLength(3);
});

test("those of a few things put off none of all: that comes on its interval", async () => {
  const { checks, about, began, pass, soon, end } = rig();
  checks.every(60_000);
  await pass(10_000);
  await end();
  for (let n = 0; n < 60; n++) {
    await soon();
    await pass(1_000);
    await end();
  }
  expect(began.filter((_at, i) => about[i] === "all")).toEqual([10_000, 70_000]);
  expect(began.length).toBeGreaterThan(50);
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
