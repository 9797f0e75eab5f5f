import { decideUndone, MAX_HINT_MS } from "./decide.ts";
import type { LeasedPoll, Settlement } from "./port.ts";
import { createSettling } from "./settling.ts";
import type { PollFound, VerifierDeps, VerifyRoute } from "./verifier.ts";

/** What becomes of a job, or of the record of a call, when its app was asked. */
export interface Polled {
  /**
   * Tells the store what was found, and everybody where that is the end. `found` is null where nobody asks any more.
   * Resolves with milliseconds until the next question, null for none, `lost` where the lease was no longer ours.
   */
  ended(
    route: VerifyRoute,
    poll: LeasedPoll,
    found: PollFound | null,
    claimedAt: number,
  ): Promise<number | null | "lost">;
  /** From now on nobody waits for a store that is away. */
  stopping(): void;
}

/** Intervals are up to a tenth shorter than set, so that what began together is not asked for ever at once. */
const SPREAD = 0.1;

export function createPolled(deps: VerifierDeps): Polled {
  const { clock, random, emit } = deps;
  const store = createSettling(deps);
  const settle = async (poll: LeasedPoll, settlement: Settlement): Promise<boolean> => {
    const ours = await store.settle(poll.lease, settlement);
    // Perhaps it was done, and the store's word on that was lost: then it is the deliverer's now, which must look.
    if (!ours) deps.freed(poll);
    return ours;
  };
  const about = ({ app, capability, lease, requestId }: LeasedPoll) => ({
    at: clock.wall(),
    app,
    capability,
    id: lease.id,
    requestId,
  });
  const report = (leased: LeasedPoll, result: "verified" | "failed" | "unverified", detail: string | null): void => {
    const { upstream, url } = leased.poll;
    const polls = leased.poll.polls + (result === "unverified" ? 0 : 1);
    deps.verified({ ...about(leased), origin: leased.origin, upstream, url, result, detail, polls });
  };

  /** Asked again later. */
  const later = async (leased: LeasedPoll, last: string | null, delayMs: number) => {
    const { poll } = leased;
    const next = last === null ? poll : { ...poll, last, polls: poll.polls + 1 };
    const ours = await settle(leased, { kind: "verifying", tries: [], poll: next, delayMs, forMs: null });
    return ours ? delayMs : "lost";
  };
  const done = async (leased: LeasedPoll, result: "verified" | "unverified", claimedAt: number) => {
    if (!(await settle(leased, { kind: "delivered", tries: [] }))) return "lost";
    report(leased, result, result === "verified" ? null : NO_LONGER);
    if (leased.origin === "sync") return null;
    const lagMs = leased.ageMs + clock.now() - claimedAt;
    const { poll, sends } = leased;
    const { upstream, status } = poll;
    emit({ type: "delivery.delivered", ...about(leased), upstream, status, sends, lagMs });
    if (leased.ordered) deps.freed(leased);
    return null;
  };
  const undone = async (route: VerifyRoute, leased: LeasedPoll, detail: string, expiresInMs: number) => {
    const { origin, attempts, sends, inDoubt, poll } = leased;
    const { repeatable } = poll;
    const backoffMs = deps.backoffMs(route.retry, attempts + 1);
    const next =
      origin === "sync"
        ? ({ kind: "dead", reason: "verification_failed", detail } as const)
        : decideUndone({ detail, repeatable, attempts, expiresInMs, backoffMs }, route.retry);
    const settlement: Settlement =
      next.kind === "again"
        ? { ...next, tries: [], inDoubt }
        : { ...next, tries: [], release: route.onDead === "release" };
    if (!(await settle(leased, settlement))) return "lost";
    report(leased, "failed", detail);
    if (origin === "sync") return null;
    if (next.kind === "dead") {
      emit({ type: "dlq.added", ...about(leased), reason: next.reason, detail: next.detail, sends });
      if (leased.ordered) deps.freed(leased);
    } else {
      const { delayMs } = next;
      const reason = "verification_failed";
      emit({ type: "delivery.retry", ...about(leased), reason, status: 0, attempts: attempts + 1, delayMs });
      deps.freed(leased);
    }
    return null;
  };

  return {
    stopping: store.stopping,
    async ended(route, leased, found, claimedAt) {
      const tookMs = clock.now() - claimedAt;
      const leftMs = leased.leftMs - tookMs;
      const expiresInMs = leased.expiresInMs - tookMs;
      // Ended by us: it says nothing.
      if (found?.kind === "not_yet" && store.isStopping()) return later(leased, null, 0);
      if (found?.kind === "verified") return done(leased, "verified", claimedAt);
      if (found === null || route.poll === null) return done(leased, "unverified", claimedAt);
      if (found.kind === "failed") return undone(route, leased, found.detail, expiresInMs);
      if (leftMs <= 0 || expiresInMs <= 0) return undone(route, leased, `in time: ${found.detail}`, expiresInMs);
      const delayMs = nextIn(route.poll.intervalMs, found.retryAfterMs, leftMs, random.float());
      return later(leased, found.detail, Math.min(delayMs, expiresInMs));
    },
  };
}

const NO_LONGER = "the route is not verified any more";

/** The last question is asked when the time is up, unless the app wished to be asked later. */
function nextIn(intervalMs: number, hintMs: number | null, leftMs: number, draw: number): number {
  const usual = Math.min(intervalMs * (1 - SPREAD * draw), leftMs);
  return Math.max(usual, Math.min(hintMs ?? 0, MAX_HINT_MS));
}

/** When a good answer is asked about first. */
export function firstIn({ intervalMs, timeoutMs }: { intervalMs: number; timeoutMs: number }, draw: number): number {
  return nextIn(intervalMs, null, timeoutMs, draw);
}
