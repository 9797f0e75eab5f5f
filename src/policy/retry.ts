import type { Clock } from "../core/clock.ts";
import type { Exchange, Reply, Send, Worth } from "../core/exchange.ts";
import { fault } from "../core/fault.ts";
import type { Reason } from "../core/outcome.ts";
import type { Random } from "../core/random.ts";
import type { RetrySettings } from "../core/settings.route.ts";
import { backoffCeilingMs, backoffMs } from "./backoff.ts";
import { choose, nothingUsable, type Target, untriedCount } from "./choose.ts";
import { decide, tryTimeMs, type Verdict } from "./retry.decide.ts";
import { backOff } from "./wait.ts";

export interface RetryPlan {
  readonly retry: RetrySettings;
  readonly attemptTimeoutMs: number | null;
  readonly targets: readonly Target[];
  /** What a reply is worth by `retry.transient` and `retry.permanent`. */
  readonly worthOf: (reply: Reply) => Worth;
  /** May a try that timed out be repeated at all, by `retry.transient`? */
  readonly timeoutIsTransient: boolean;
}

export interface RetryDeps {
  readonly clock: Clock;
  readonly random: Random;
}

const GONE = fault("reset", "the caller went away", { aborted: true });

/**
 * Tries until an answer is good or final, or until time, attempts, budget or the method forbid another try. Why a
 * wanted repeat is not made is left in `x.denied`; each repeat's cause in `x.retries`.
 */
export function retrying(plan: RetryPlan, deps: RetryDeps): Send {
  return async (x) => {
    const tries = new Tries(plan, deps, x);
    for (;;) {
      const target = tries.next();
      if (target === null) return tries.stranded();
      const reply = await tries.run(target);
      const verdict = tries.verdict(target, reply);
      if (verdict.kind === "done") return verdict.reply;
      x.retries.push(reasonOf(reply));
      if (verdict.waitMs > 0 && !(await backOff(deps.clock, x, verdict.waitMs))) {
        tries.repeatEnded();
        return GONE;
      }
    }
  };
}

type Step = { readonly kind: "done"; readonly reply: Reply } | { readonly kind: "again"; readonly waitMs: number };

/** The tries of one request: what was counted, and against what. */
class Tries {
  /** The newest reply that a try brought. */
  last: Reply | null = null;
  readonly #plan: RetryPlan;
  readonly #deps: RetryDeps;
  readonly #x: Exchange;
  /** When the next try was chosen. */
  #now = 0;
  #counted = 0;
  #current = -1;
  /** Tries on the current upstream, and those of them of which nothing was written. */
  #onThis = 0;
  #unwritten = 0;
  #moved = false;
  #repeating: Target | null = null;

  constructor(plan: RetryPlan, deps: RetryDeps, x: Exchange) {
    this.#plan = plan;
    this.#deps = deps;
    this.#x = x;
  }

  /** The upstream of the next try, or null where none admits or nobody waits any more. */
  next(): Target | null {
    const x = this.#x;
    if (x.gone) return null;
    this.#now = this.#deps.clock.now();
    const index = choose(this.#plan.targets, x.tried, this.#now, this.#deps.random);
    if (index < 0) return null;
    if (index !== this.#current) {
      this.#current = index;
      this.#onThis = 0;
      this.#unwritten = 0;
    }
    const bit = 1 << index;
    this.#moved = x.tried !== 0 && (x.tried & bit) === 0;
    x.tried |= bit;
    return this.#plan.targets[index] as Target;
  }

  /** The reply when no upstream admits any more: what a try brought, if there was one. */
  stranded(): Reply {
    const x = this.#x;
    if (x.gone) return GONE;
    const fault = nothingUsable(this.#plan.targets, this.#deps.clock.now());
    if (this.last === null) return fault;
    x.denied = fault.reason;
    return this.last;
  }

  async run(target: Target): Promise<Reply> {
    this.#x.tryMs = this.#tryMs();
    const reply = await target.send(this.#x);
    this.repeatEnded();
    return reply;
  }

  repeatEnded(): void {
    this.#repeating?.repeatEnded();
    this.#repeating = null;
  }

  verdict(target: Target, reply: Reply): Step {
    const { clock } = this.#deps;
    const now = clock.now();
    const untried = untriedCount(this.#plan.targets, this.#x.tried, now) > 0;
    if (reply.kind === "fault" && !reply.written && REFUSED_UNTRIED.has(reply.reason)) {
      // Refused by breaker or slots before anything was tried: the same upstream would refuse again.
      if (untried && !this.#x.gone) return { kind: "again", waitMs: 0 };
      return this.last === null ? { kind: "done", reply } : this.#done(this.last, reply.reason);
    }
    target.sent(now);
    this.last = reply;
    const step = this.#decide(reply, untried, now);
    if (step.kind === "repeat" && !step.free) {
      if (!target.mayRepeat(now)) return this.#done(reply, "budget");
      this.#repeating = target;
    }
    if (step.kind === "done") return this.#done(reply, step.denied);
    return { kind: "again", waitMs: step.kind === "repeat" ? step.waitMs : 0 };
  }

  #decide(reply: Reply, untried: boolean, now: number): Verdict {
    const written = reply.kind !== "fault" || reply.written;
    this.#onThis++;
    if (!written) this.#unwritten++;
    else if (!this.#moved) this.#counted++;
    const { retry, worthOf } = this.#plan;
    const worth = worthOf(reply);
    if (worth !== "transient" && worth !== "push_back") return { kind: "done", denied: null };
    return decide({
      worth,
      written,
      pushedBack: reply.kind === "answer" && (reply.status === 429 || reply.status === 503),
      retryAfterMs: reply.kind === "answer" ? reply.retryAfterMs : null,
      repeatable: this.#x.repeatable,
      counted: this.#counted,
      unwritten: this.#unwritten,
      attempts: retry.attempts,
      untried,
      backoffMs: backoffMs(retry, this.#onThis, this.#deps.random),
      leftMs: this.#x.deadlineAt - now,
    });
  }

  #done(reply: Reply, denied: Reason | null): Step {
    this.#x.denied = denied;
    return { kind: "done", reply };
  }

  #tryMs(): number {
    const { targets, retry, attemptTimeoutMs: capMs, timeoutIsTransient } = this.#plan;
    const x = this.#x;
    const now = this.#now;
    const leftMs = x.deadlineAt - now;
    if (!x.repeatable || !timeoutIsTransient) return tryTimeMs({ leftMs, capMs, sharers: 1, comingBackoffMs: 0 });
    const repeats = Math.max(0, retry.attempts - this.#counted - 1);
    let comingBackoffMs = 0;
    for (let i = 1; i <= repeats; i++) comingBackoffMs += backoffCeilingMs(retry, this.#onThis + i);
    return tryTimeMs({ leftMs, capMs, sharers: 1 + repeats + untriedCount(targets, x.tried, now), comingBackoffMs });
  }
}

const REFUSED_UNTRIED: ReadonlySet<Reason> = new Set(["breaker_open", "overload"]);

function reasonOf(reply: Reply): Reason {
  return reply.reason ?? "status";
}
