import { expect, test } from "vitest";
import type { ProbeReport } from "../../src/core/health.ts";
import { createHangWatch } from "../../src/policy/failover.hang.ts";
import { leave, type Place } from "../../src/policy/failover.waiting.ts";
import { createManualClock } from "../help/manual-clock.ts";

const REPORT: ProbeReport = {
  status: "healthy",
  answered: true,
  httpStatus: 200,
  durationMs: 1,
  reason: null,
  proxyError: null,
  detail: null,
  details: null,
};

/** `found` is what the next probes find: `silence` lasts as long as a probe may take. */
function open(found: "life" | "silence" | "refusal") {
  const clock = createManualClock();
  const probes: { readonly at: number; readonly timeoutMs: number }[] = [];
  const hangs: { readonly at: number; readonly sentAt: number }[] = [];
  const state = { found };
  const watch = createHangWatch({
    clock,
    rules: { hangAfterMs: 1_000, windowMs: 60_000, probeTimeoutMs: 1_000 },
    probe(timeoutMs) {
      probes.push({ at: clock.now(), timeoutMs });
      const silent: ProbeReport = { ...REPORT, status: "unhealthy", answered: false };
      if (state.found !== "silence") return Promise.resolve(state.found === "life" ? REPORT : silent);
      return new Promise((resolve) => void clock.after(timeoutMs, () => resolve(silent), undefined));
    },
    onHang: (sentAt) => hangs.push({ at: clock.now(), sentAt }),
  });
  const moved: string[] = [];
  const send = (route: string, { name = route, tryMs = 10_000, movable = true } = {}): Place =>
    watch.enter(watch.route(route), { onMove: () => moved.push(name), tryMs }, clock.now(), movable);
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 10) {
      clock.advance(Math.min(left, 10));
      for (let n = 0; n < 4; n++) await Promise.resolve();
    }
  };
  /** Makes `ms` normal on the route. */
  const know = (route: string, ms: number): void => {
    for (let n = 0; n < 100; n++) watch.route(route).normal.add(ms, clock.now());
  };
  return { clock, watch, probes, hangs, send, pass, know, moved, state };
}

test("a probe starts at half the limit and is judged at its timeout, if that comes after the limit", async () => {
  const { send, pass, know, probes, hangs } = open("silence");
  know("answer", 20);
  send("answer");
  await pass(490);
  expect(probes).toEqual([]);
  await pass(10);
  expect(probes).toEqual([{ at: 500, timeoutMs: 1_000 }]);
  await pass(1_000);
  expect(hangs).toEqual([{ at: 1_500, sentAt: 0 }]);
});

test("a limit far off is waited for: the probe has until then", async () => {
  const { send, pass, know, probes, hangs } = open("silence");
  know("report", 10_000);
  send("report", { tryMs: 30_000 });
  await pass(12_000);
  const limitMs = 2 * (probes[0]?.at ?? 0);
  expect(limitMs).toBeGreaterThanOrEqual(20_000);
  expect(probes[0]?.timeoutMs).toBe(limitMs / 2);
  await pass(limitMs - 12_000);
  expect(hangs).toHaveLength(1);
});

test("as soon as it is known what is normal, that is the limit: not half of what the first try had", async () => {
  const { send, pass, know, hangs } = open("silence");
  const first = send("answer", { tryMs: 30_000 });
  leave(first);
  know("answer", 20);
  send("answer", { tryMs: 30_000 });
  await pass(1_500);
  expect(hangs).toEqual([{ at: 1_500, sentAt: 0 }]);
});

test("a slow route beside a quick one raises no alarm, and does not hide that the quick one hangs", async () => {
  const { send, pass, know, probes, hangs, state } = open("life");
  know("report", 10_000);
  know("answer", 20);
  const report = send("report", { tryMs: 30_000 });
  for (let n = 0; n < 500; n++) {
    const answer = send("answer");
    await pass(20);
    leave(answer);
  }
  leave(report);
  expect(probes).toEqual([]);
  send("report", { tryMs: 30_000 });
  state.found = "silence";
  send("answer");
  await pass(1_500);
  expect(hangs).toHaveLength(1);
});

test("before twenty answers are known, half the time of a try is the limit", async () => {
  const { send, pass, probes } = open("life");
  send("answer", { tryMs: 8_000 });
  await pass(1_990);
  expect(probes).toEqual([]);
  await pass(10);
  expect(probes).toHaveLength(1);
});

test("any answer to the probe proves life: the request waits on, and is suspected anew only after a while", async () => {
  const { send, pass, know, probes, hangs } = open("life");
  know("answer", 20);
  send("answer");
  await pass(5_000);
  expect(hangs).toEqual([]);
  expect(probes.map(({ at }) => at)).toEqual([500, 1_000, 1_500, 2_000, 2_500, 3_000, 3_500, 4_000, 4_500, 5_000]);
});

test("a probe that is refused at once is judged at the limit, for the request may still be answered", async () => {
  const { send, pass, know, probes, hangs } = open("refusal");
  know("answer", 20);
  send("answer");
  await pass(990);
  expect(probes.map(({ at }) => at)).toEqual([500]);
  expect(hangs).toEqual([]);
  await pass(10);
  expect(hangs).toEqual([{ at: 1_000, sentAt: 0 }]);
});

test("an answer to any other probe before the limit proves life, too", async () => {
  const { send, pass, know, hangs, watch, clock } = open("refusal");
  know("answer", 20);
  send("answer");
  await pass(800);
  watch.alive(clock.now());
  await pass(700);
  expect(hangs).toEqual([]);
});

test("a request that is answered while the probe runs is no hang", async () => {
  const { send, pass, know, hangs } = open("silence");
  know("answer", 20);
  const place = send("answer");
  await pass(600);
  leave(place);
  await pass(3_000);
  expect(hangs).toEqual([]);
});

test("one that waits for a slot is not kept waiting by the app", async () => {
  const { send, pass, know, probes } = open("silence");
  know("answer", 20);
  send("answer").sentAt = Number.POSITIVE_INFINITY;
  await pass(10_000);
  expect(probes).toEqual([]);
});

test("one that has waited for a slot is watched from when it is sent, though nothing came after it", async () => {
  const { clock, watch, send, pass, know, hangs } = open("silence");
  know("answer", 20);
  const place = send("answer");
  place.sentAt = Number.POSITIVE_INFINITY;
  await pass(10_000);
  watch.sent(place, clock.now(), true);
  await pass(1_500);
  expect(hangs).toEqual([{ at: 11_500, sentAt: 10_000 }]);
});

test("moving takes all that may be sent twice, once, and the others are watched no longer", async () => {
  const { send, pass, know, watch, moved, probes } = open("silence");
  know("answer", 20);
  send("answer", { name: "first" });
  send("answer", { name: "once", movable: false });
  send("other", { name: "second" });
  watch.moveAll();
  watch.moveAll();
  expect(moved).toEqual(["first", "second"]);
  await pass(10_000);
  expect(probes).toEqual([]);
});

test("nothing stands on the clock while nothing waits, and one timer while a thousand do", async () => {
  const { send, pass, know, clock, watch } = open("life");
  expect(clock.pending()).toBe(0);
  know("answer", 20);
  const places = Array.from({ length: 1_000 }, () => send("answer"));
  expect(clock.pending()).toBe(1);
  for (const place of places) leave(place);
  await pass(1_000);
  expect(clock.pending()).toBe(0);
  watch.stop();
});
