import type { Clock } from "../core/clock.ts";
import { type Exchange, FALLBACK_GRACE_MS, type Policy, type Reply } from "../core/exchange.ts";
import type { FallbackAnswer, FallbackStrategy } from "./fallback/strategies.ts";

/** One strategy may take this long; then the next in the list is asked. */
const STRATEGY_MS = 300;

/**
 * Answers in the app's place when the tries are over without a good or final answer. Good answers are shown to the
 * strategies first, since `last_good` keeps them.
 */
export function fallingBack(strategies: readonly FallbackStrategy[], clock: Clock): Policy {
  const keepers = strategies.filter((strategy) => strategy.remember !== undefined);
  return (inner) => async (x) => {
    const reply = await inner(x);
    if (reply.kind === "answer" && (reply.worth === "ok" || reply.worth === "permanent")) {
      if (reply.worth === "ok") for (const keeper of keepers) keeper.remember?.(x, reply);
      return reply;
    }
    if (x.gone || reply.kind === "substitute" || (reply.kind === "fault" && reply.aborted)) return reply;
    for (const strategy of strategies) {
      const left = x.deadlineAt + FALLBACK_GRACE_MS - clock.now();
      const answer = await within(clock, ask(strategy, x, reply), Math.min(STRATEGY_MS, left), strategy);
      if (answer === null) continue;
      if (reply.kind === "answer") reply.stream?.abort();
      return {
        kind: "substitute",
        strategy: strategy.name,
        reason: reply.reason ?? "status",
        cause: reply,
        status: answer.status,
        headers: answer.headers,
        body: answer.body,
      };
    }
    return reply;
  };
}

type Given = ReturnType<FallbackStrategy["answer"]>;

// A bug in one strategy must not cost the caller the answer of the next.
function ask(strategy: FallbackStrategy, x: Exchange, reply: Reply): Given {
  try {
    return strategy.answer(x, reply);
  } catch {
    return null;
  }
}

// Most strategies answer at once; only one that waits for something costs a timer.
function within(clock: Clock, answer: Given, ms: number, strategy: FallbackStrategy): Given {
  if (!(answer instanceof Promise)) return answer;
  return new Promise((resolve) => {
    let late = false;
    const giveUp = (): void => {
      late = true;
      resolve(null);
    };
    const timer = clock.after(ms, giveUp, undefined);
    const end = (value: FallbackAnswer | null): void => {
      clock.cancel(timer);
      if (late && value !== null) strategy.withdraw?.(value);
      resolve(value);
    };
    answer.then(end, () => end(null));
  });
}
