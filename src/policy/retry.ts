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
      tries.begin();
      const reply = await target.send(x);
      tries.repeatEnded();
      const verdict = tries.verdict(target, reply);
      if (verdict.kind === "done") return verdict.reply;
      x.retries.push(reply.reason ?? "status");
      if (verdict.waitMs > 0 && !(await backOff(deps.clock, x, verdict.waitMs))) {
        tries.repeatEnded();
        return GONE;
      }
    }
  };
}

type Step = { readonly kind: "done"; readonly reply: Reply } | { readonly kind: "again"; readonly waitMs: number };

/** What one request has seen of one upstream. */
interface Track {
  tries: number;
  /** Those of them of which nothing was written. */
  unwritten: number;
  /** What its Retry-After asked for: `Clock.now()` milliseconds. */
  notBefore: number;
}

/** The tries of one request: what was counted, and against what. */
class Tries {
  readonly #plan: RetryPlan;
  readonly #deps: RetryDeps;
  readonly #x: Exchange;
  /** The newest reply that a try brought. */
  #last: Reply | null = null;
  /** When the next try was chosen. */
  #now = 0;
  /** Written tries that count against `attempts`. */
  #counted = 0;
  #current = -1;
  /** The upstream that the coming repeat was weighed for; -1 where it is still to be chosen. */
  #next = -1;
  readonly #tracks: Track[] = [];
  /** Bits of upstreams whose tries are over: Retry-After lies beyond the deadline, or the address may not be dialled. */
  #over = 0;
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
    const index = this.#choose(this.#next);
    if (index < 0) return null;
    this.#current = index;
    this.#next = -1;
    const bit = 1 << index;
    this.#moved = x.tried !== 0 && (x.tried & bit) === 0;
    x.tried |= bit;
    return this.#plan.targets[index] as Target;
  }

  /** The upstream of the next try; -1 for none. Traffic may have left that of a repeat while its backoff ran. */
  #choose(weighed: number): number {
    const { targets } = this.#plan;
    if (weighed >= 0 && (targets.length === 1 || targets[weighed]?.health.serving === true)) return weighed;
    let early = 0;
    for (let i = 0; i < this.#tracks.length; i++) if ((this.#tracks[i]?.notBefore ?? 0) > this.#now) early |= 1 << i;
    const index = choose(targets, this.#x, this.#now, this.#deps.random, this.#over | early);
    return index < 0 ? weighed : index;
  }

  /** The reply when no upstream admits any more: what a try brought, if there was one. */
  stranded(): Reply {
    if (this.#x.gone) return GONE;
    const refused = nothingUsable(this.#plan.targets, this.#deps.clock.now());
    if (this.#last === null) return refused;
    this.#x.denied = refused.reason;
    return this.#last;
  }

  /** Gives the try that comes its time. */
  begin(): void {
    this.#x.tryMs = this.#tryMs();
  }

  repeatEnded(): void {
    this.#repeating?.repeatEnded();
    this.#repeating = null;
  }

  verdict(target: Target, reply: Reply): Step {
    const now = this.#deps.clock.now();
    if (reply.kind === "fault" && !reply.written && REFUSED_UNTRIED.has(reply.reason)) {
      // Refused by breaker, slots or egress before anything was tried: the same upstream would refuse again.
      if (reply.reason === "egress") this.#over |= 1 << this.#current;
      if (!this.#x.gone && this.#untried(now) > 0) return AGAIN_AT_ONCE;
      return this.#last === null ? { kind: "done", reply } : this.#done(this.#last, reply.reason);
    }
    target.sent(now);
    this.#last = reply;
    this.#count(reply, now);
    const worth = this.#plan.worthOf(reply);
    if (worth !== "transient" && worth !== "push_back") return { kind: "done", reply };
    const step = this.#decide(reply, worth, now);
    if (step.kind === "done") return this.#done(reply, step.denied);
    if (step.kind === "repeat" && !step.free) {
      const again = this.#plan.targets[this.#next] as Target;
      if (!again.mayRepeat(now)) return this.#done(reply, "budget");
      this.#repeating = again;
    }
    this.#last = letGo(reply);
    return step.kind === "repeat" ? { kind: "again", waitMs: step.waitMs } : AGAIN_AT_ONCE;
  }

  #count(reply: Reply, now: number): void {
    const track = this.#track(this.#current);
    track.tries++;
    if (reply.kind === "fault" && !reply.written) track.unwritten++;
    else if (!this.#moved) this.#counted++;
    if (reply.kind !== "answer" || reply.retryAfterMs === null) return;
    track.notBefore = now + reply.retryAfterMs;
    if (track.notBefore > this.#x.deadlineAt) this.#over |= 1 << this.#current;
  }

  /** What follows a failed try. For a repeat its upstream is chosen first: wait, count and budget are that one's. */
  #decide(reply: Reply, worth: "transient" | "push_back", now: number): Verdict {
    const { targets, retry } = this.#plan;
    const x = this.#x;
    const untried = this.#untried(now) > 0;
    // Not one that returns: by the end of a backoff others may be tried there.
    const index = untried
      ? -1
      : choose(targets, { tried: x.tried, repeatable: false }, now, this.#deps.random, this.#over);
    const track = this.#track(index < 0 ? this.#current : index);
    const verdict = decide({
      worth,
      written: reply.kind !== "fault" || reply.written,
      pushedBack: reply.kind === "answer" && (reply.status === 429 || reply.status === 503),
      retryAfterMs: Math.max(0, track.notBefore - now),
      repeatable: x.repeatable,
      counted: this.#counted,
      unwritten: track.unwritten,
      attempts: retry.attempts,
      untried,
      backoffMs: backoffMs(retry, Math.max(1, track.tries), this.#deps.random),
      leftMs: x.deadlineAt - now,
    });
    if (verdict.kind === "repeat" && index < 0) {
      return { kind: "done", denied: nothingUsable(targets, now).reason };
    }
    this.#next = index;
    return verdict;
  }

  #track(index: number): Track {
    let track = this.#tracks[index];
    if (track === undefined) {
      track = { tries: 0, unwritten: 0, notBefore: 0 };
      this.#tracks[index] = track;
    }
    return track;
  }

  #untried(now: number): number {
    return untriedCount(this.#plan.targets, this.#x.tried | this.#over, now);
  }

  #done(reply: Reply, denied: Reason | null): Step {
    this.#x.denied = denied;
    return { kind: "done", reply };
  }

  #tryMs(): number {
    const { retry, attemptTimeoutMs: capMs, timeoutIsTransient } = this.#plan;
    const leftMs = this.#x.deadlineAt - this.#now;
    if (!this.#x.repeatable || !timeoutIsTransient) {
      return tryTimeMs({ leftMs, capMs, sharers: 1, comingBackoffMs: 0 });
    }
    const repeats = Math.max(0, retry.attempts - this.#counted - 1);
    const { tries } = this.#track(this.#current);
    let comingBackoffMs = 0;
    for (let i = 1; i <= repeats; i++) comingBackoffMs += backoffCeilingMs(retry, tries + i);
    return tryTimeMs({ leftMs, capMs, sharers: 1 + repeats + this.#untried(this.#now), comingBackoffMs });
  }
}

const AGAIN_AT_ONCE: Step = { kind: "again", waitMs: 0 };
const REFUSED_UNTRIED: ReadonlySet<Reason> = new Set(["breaker_open", "overload", "egress"]);

/**
 * A failing answer that another try replaces. One that is still streaming would hold its slot and its connection, so
 * it is ended; should no further try bring anything, there is nothing whole left to pass on.
 */
function letGo(reply: Reply): Reply {
  if (reply.kind !== "answer" || reply.stream === null) return reply;
  reply.stream.abort();
  return fault("invalid_response", `a failing answer of ${reply.status} larger than response.max`, {
    written: true,
    upstream: reply.upstream,
    retryAfterMs: reply.retryAfterMs,
    proxyError: "http_response_body_size",
  });
}
