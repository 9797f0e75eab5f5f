import { expect, test } from "vitest";
import type { Reply } from "../../src/core/exchange.ts";
import { fault } from "../../src/core/fault.ts";
import { createBreakers } from "../../src/policy/breaker.ts";
import { createRetryBudget } from "../../src/policy/budget.ts";
import { createBulkhead } from "../../src/policy/bulkhead.ts";
import { type DeliverPlan, delivering } from "../../src/policy/deliver.ts";
import { UNWATCHED } from "../../src/policy/failover.cell.ts";
import { createTarget } from "../../src/policy/target.ts";
import { BREAKER } from "../help/breaker.ts";
import { createAnswer, createExchange } from "../help/exchange.ts";
import { createManualClock } from "../help/manual-clock.ts";
import { createSeededRandom } from "../help/seeded-random.ts";

const OK = createAnswer();
const FAILING = createAnswer({ worth: "transient", reason: "status", status: 500 });
const REFUSED = fault("connect", "refused");

interface Given {
  readonly reply: Reply;
  readonly serving?: boolean;
  /** Its breaker stands open. */
  readonly open?: boolean;
}

/** One attempt at a job over these upstreams, in their order. */
async function attempt(upstreams: Record<string, Given>) {
  const clock = createManualClock();
  const breakers = createBreakers({ clock, emit: () => undefined, persist: () => undefined });
  const sends: string[] = [];
  const worthOf: DeliverPlan["worthOf"] = (reply) => (reply.kind === "answer" ? reply.worth : "transient");
  const targets = Object.entries(upstreams).map(([name, { reply, serving = true, open = false }], rank) => {
    const breaker = breakers.cell({ app: "a", capability: "c", upstream: name, url: "http://x" }, BREAKER);
    if (open) breaker.trip("ops");
    const slots = createBulkhead({ max: 8, queue: 0 });
    return createTarget(
      {
        name,
        weight: 1,
        health: { ...UNWATCHED, rank, serving },
        watched: null,
        breaker,
        slots,
        budget: createRetryBudget(),
        budgetPercent: 20,
        worthOf,
        send: async () => {
          sends.push(name);
          slots.leave();
          return reply;
        },
      },
      clock,
    );
  });
  const x = createExchange({ repeatable: true, lane: "async" });
  const send = delivering(
    { targets, worthOf, timeoutMs: 5000, attemptTimeoutMs: null },
    { clock, random: createSeededRandom(1) },
  );
  return { reply: await send(x), sends, trial: x.trial };
}

test("an attempt that fails on one upstream goes on to another", async () => {
  const { reply, sends, trial } = await attempt({ primary: { reply: REFUSED }, backup: { reply: OK } });
  expect([reply, sends, trial]).toEqual([OK, ["primary", "backup"], false]);
});

test("where none serves, what is tried all the same spends nothing", async () => {
  const away = { reply: REFUSED, serving: false };
  const { sends, trial } = await attempt({ primary: away, backup: away });
  expect([sends.toSorted(), trial]).toEqual([["backup", "primary"], true]);
});

test("nothing goes to one that is away because the breaker of the other is open", async () => {
  const { sends, trial } = await attempt({
    primary: { reply: REFUSED, serving: false },
    backup: { reply: FAILING, open: true },
  });
  expect([sends, trial]).toEqual([[], false]);
});

test("one that serves and fails spends the attempt", async () => {
  const { sends, trial } = await attempt({
    primary: { reply: REFUSED, serving: false },
    backup: { reply: FAILING },
  });
  expect([sends, trial]).toEqual([["backup"], false]);
});
