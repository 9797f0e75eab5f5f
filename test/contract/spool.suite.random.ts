import fc from "fast-check";
import { expect, test } from "vitest";
import { createModel, type Step } from "./spool.model.ts";
import type { OpenSpool } from "./spool.rig.ts";

const route = fc.constantFrom("quiz", "poll");

const put = fc.record({
  verb: fc.constant("put" as const),
  app: route,
  orderKey: fc.constantFrom(null, "a", "b"),
  maxAgeMs: fc.constantFrom(5000, 86_400_000),
  sends: fc.constantFrom(0, 0, 2),
});

const claim = fc.record({
  verb: fc.constant("claim" as const),
  app: route,
  lane: fc.constantFrom("first" as const, "retry" as const, "verify" as const),
  max: fc.integer({ min: 1, max: 4 }),
});

const settle = fc.record({
  verb: fc.constant("settle" as const),
  pick: fc.nat(100),
  how: fc.constantFrom("delivered", "verifying", "again", "given back", "dead", "blocks"),
  delayMs: fc.constantFrom(0, 1000, 8000),
});

const change = fc.record({
  verb: fc.constant("change" as const),
  act: fc.constantFrom("retry" as const, "resend" as const, "cancel" as const, "delete" as const),
  picks: fc.array(fc.nat(100), { maxLength: 3 }),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: put },
  { weight: 5, arbitrary: claim },
  { weight: 5, arbitrary: settle },
  { weight: 2, arbitrary: change },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant("stale" as const), pick: fc.nat(100) }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant("hold" as const), mask: fc.nat(255) }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant("advance" as const), ms: fc.constantFrom(1, 1000, 6000) }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant("sweep" as const) }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant("kill" as const) }) },
);

export function randomSuite(open: OpenSpool): void {
  test("leaves every job in one state, that of the model, counts it right, and can deliver what waits", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 50, size: "max" }), async (steps) => {
        const model = createModel(await open({}));
        try {
          for (const one of steps) {
            await model.take(one);
            expect(await model.seen()).toEqual(model.expected());
          }
          expect(await model.listed()).toEqual(model.known());
          await model.drain();
          expect(await model.seen()).toEqual(model.expected());
          expect(model.unfinished()).toEqual([]);
        } finally {
          await model.close();
        }
      }),
      { numRuns: 60 },
    );
  }, 120_000);
}
