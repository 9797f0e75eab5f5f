import fc from "fast-check";
import { expect, test } from "vitest";
import { createBulkhead, type Entry, type Lane, type Waiter } from "../../src/policy/bulkhead.ts";
import { createManualClock } from "../help/manual-clock.ts";

interface Caller extends Waiter {
  gone: boolean;
}
const caller = (): Caller => ({ gone: false, onGone: null, onMove: null });
const leaves = (one: Caller): void => {
  one.gone = true;
  one.onGone?.();
};
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("slots are taken without waiting until none is left", () => {
  const slots = createBulkhead({ max: 2, queue: 0 });
  expect([slots.tryEnter(), slots.tryEnter(), slots.tryEnter()]).toEqual([true, true, false]);
  slots.leave();
  expect(slots.tryEnter()).toBe(true);
  expect(slots.inUse).toBe(2);
});

test("who waits enters in the order of arrival, as slots are given back", async () => {
  const clock = createManualClock();
  const slots = createBulkhead({ max: 1, queue: 10 });
  slots.tryEnter();
  const order: number[] = [];
  for (const n of [1, 2, 3]) void slots.wait(caller(), 1000, clock).then(() => order.push(n));
  expect(slots.waiting).toBe(3);
  for (let i = 0; i < 3; i++) {
    slots.leave();
    await settled();
  }
  expect(order).toEqual([1, 2, 3]);
  expect(slots.inUse).toBe(1);
  expect(clock.pending()).toBe(0);
});

test("a slot given back goes to who waits, not to a newcomer", async () => {
  const slots = createBulkhead({ max: 1, queue: 1 });
  slots.tryEnter();
  const waiting = slots.wait(caller(), 1000, createManualClock());
  slots.leave();
  expect(slots.tryEnter()).toBe(false);
  expect(await waiting).toBe("entered");
});

test("synchronous callers go before asynchronous ones that came earlier", async () => {
  const clock = createManualClock();
  const slots = createBulkhead({ max: 1, queue: 10 });
  slots.tryEnter();
  const order: string[] = [];
  const queued: readonly (readonly [string, Lane])[] = [
    ["job 1", "async"],
    ["job 2", "async"],
    ["call 1", "sync"],
    ["call 2", "sync"],
  ];
  for (const [name, lane] of queued) void slots.wait(caller(), 1000, clock, lane).then(() => order.push(name));
  for (let i = 0; i < 4; i++) {
    slots.leave();
    await settled();
  }
  expect(order).toEqual(["call 1", "call 2", "job 1", "job 2"]);
});

test("a full queue refuses at once, and jobs that wait take no caller's place in it", async () => {
  const clock = createManualClock();
  const slots = createBulkhead({ max: 1, queue: 1 });
  slots.tryEnter();
  void slots.wait(caller(), 1000, clock, "async");
  expect(await slots.wait(caller(), 1000, clock, "async")).toBe("full");
  void slots.wait(caller(), 1000, clock);
  expect(await slots.wait(caller(), 1000, clock)).toBe("full");
  expect(slots.waiting).toBe(2);
});

test("a wait ends at its time, and the place is free again", async () => {
  const clock = createManualClock();
  const slots = createBulkhead({ max: 1, queue: 1 });
  slots.tryEnter();
  const one = caller();
  const waiting = slots.wait(one, 250, clock);
  clock.advance(249);
  expect(slots.waiting).toBe(1);
  clock.advance(1);
  expect(await waiting).toBe("timeout");
  expect([slots.waiting, slots.inUse, one.onGone]).toEqual([0, 1, null]);
  slots.leave();
  expect(slots.tryEnter()).toBe(true);
});

test("no time left is a timeout, except where a slot is free", async () => {
  const slots = createBulkhead({ max: 1, queue: 1 });
  expect(await slots.wait(caller(), 0, createManualClock())).toBe("entered");
  expect(await slots.wait(caller(), 0, createManualClock())).toBe("timeout");
});

test("a caller who goes away leaves the queue at once, wherever in it", async () => {
  const clock = createManualClock();
  const slots = createBulkhead({ max: 1, queue: 3 });
  slots.tryEnter();
  const callers = [caller(), caller(), caller()];
  const waits = callers.map((one) => slots.wait(one, 1000, clock));
  leaves(callers[1]!);
  expect(await waits[1]).toBe("gone");
  expect(slots.waiting).toBe(2);
  slots.leave();
  slots.leave();
  expect(await Promise.all([waits[0], waits[2]])).toEqual(["entered", "entered"]);
  expect(clock.pending()).toBe(0);
  expect(callers.map((one) => one.onGone)).toEqual([null, null, null]);
});

test("a caller who is gone already takes no slot, even a free one", async () => {
  const slots = createBulkhead({ max: 1, queue: 1 });
  expect(await slots.wait({ gone: true, onGone: null, onMove: null }, 1000, createManualClock())).toBe("gone");
  expect(slots.inUse).toBe(0);
});

test("more slots admit who waits at once; fewer let those inside finish", async () => {
  const clock = createManualClock();
  const slots = createBulkhead({ max: 1, queue: 5 });
  slots.tryEnter();
  const waits = [1, 2, 3].map(() => slots.wait(caller(), 1000, clock));
  slots.configure({ max: 3, queue: 5 });
  expect(await Promise.all(waits.slice(0, 2))).toEqual(["entered", "entered"]);
  expect([slots.inUse, slots.waiting]).toEqual([3, 1]);
  slots.configure({ max: 1, queue: 0 });
  slots.leave();
  slots.leave();
  expect([slots.inUse, slots.waiting]).toEqual([1, 1]);
  slots.leave();
  expect(await waits[2]).toBe("entered");
});

test("giving back a slot that nobody holds makes no slot", () => {
  const slots = createBulkhead({ max: 1, queue: 0 });
  slots.leave();
  expect([slots.tryEnter(), slots.tryEnter()]).toEqual([true, false]);
});

test("through any mix of events no slot is lost, none is given twice, and nobody waits beside a free one", async () => {
  const event = fc.oneof(
    fc.record({ kind: fc.constant("come" as const), lane: fc.constantFrom<Lane>("sync", "async"), ms: fc.nat(50) }),
    fc.record({ kind: fc.constant("leave" as const) }),
    fc.record({ kind: fc.constant("go" as const), which: fc.nat(20) }),
    fc.record({ kind: fc.constant("pass" as const), ms: fc.nat(40) }),
    fc.record({ kind: fc.constant("configure" as const), max: fc.integer({ min: 1, max: 4 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 80 }), async (events) => {
      const clock = createManualClock();
      let max = 2;
      const slots = createBulkhead({ max, queue: 3 });
      const callers: Caller[] = [];
      const ended: Entry[] = [];
      let held = 0;
      for (const e of events) {
        if (e.kind === "come") {
          const one = caller();
          callers.push(one);
          void slots.wait(one, e.ms, clock, e.lane).then((entry) => ended.push(entry));
        } else if (e.kind === "leave" && held > 0) slots.leave();
        else if (e.kind === "go" && callers.length > 0) leaves(callers[e.which % callers.length]!);
        else if (e.kind === "pass") clock.advance(e.ms);
        else if (e.kind === "configure") {
          max = e.max;
          slots.configure({ max, queue: 3 });
        }
        if (e.kind === "leave" && held > 0) held--;
        await settled();
        held += ended.splice(0).filter((entry) => entry === "entered").length;
        expect(slots.inUse).toBe(held);
        if (slots.waiting > 0) expect(slots.inUse).toBeGreaterThanOrEqual(max);
        expect(clock.pending()).toBe(slots.waiting);
      }
    }),
  );
});
