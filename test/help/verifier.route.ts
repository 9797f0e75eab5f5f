import type { Poll, RouteName } from "../../src/core/job.ts";
import type { LeasedJob } from "../../src/spool/port.ts";
import type { Sent } from "../../src/spool/route.ts";
import type { PollFound, VerifyRoute } from "../../src/spool/verifier.ts";
import { poll } from "../contract/spool.rig.ts";
import { ok, testRoute } from "./deliverer.route.ts";

/** One question, as the app of a test hears it. */
export interface TestQuestion {
  readonly poll: Poll;
  readonly requestId: string;
  readonly signal: AbortSignal;
}

export interface TestVerifyRoute extends VerifyRoute {
  readonly questions: TestQuestion[];
  /** What the app says to the nth question; null: nothing, until the test ends it. */
  says: (n: number) => PollFound | null;
  /** Ends the oldest question without an answer. */
  end(found: PollFound): void;
}

export const VERIFIED: PollFound = { kind: "verified" };
export const FAILED: PollFound = { kind: "failed", detail: '/state is "failed"' };
export const NOT_YET: PollFound = { kind: "not_yet", detail: '/state is "queued"', retryAfterMs: null };

/** Asked each second; there is no jitter where nothing is drawn. */
export function verifyRoute(route: RouteName, given: Partial<Pick<VerifyRoute, "onDead">> = {}): TestVerifyRoute {
  const waiting: ((found: PollFound) => void)[] = [];
  const { app, capability } = route;
  const { retry } = testRoute(route);
  const questions: TestQuestion[] = [];
  const made: TestVerifyRoute = {
    app,
    capability,
    key: `${app}/${capability}`,
    retry,
    onDead: "release",
    ...given,
    questions,
    says: () => VERIFIED,
    end: (found) => waiting.shift()?.(found),
    poll: {
      intervalMs: 1000,
      ask(asked, requestId, signal) {
        const n = questions.push({ poll: asked, requestId, signal }) - 1;
        const found = signal.aborted ? NOT_YET : made.says(n);
        if (found !== null) return Promise.resolve(found);
        return new Promise((resolve) => {
          waiting.push(resolve);
          signal.addEventListener("abort", () => resolve(NOT_YET));
        });
      },
    },
  };
  return made;
}

/** A good answer that is to be verified: asked first in a second, for `forMs`. */
export function toVerify(job: LeasedJob, forMs = 60_000, more: Partial<Poll> = {}): Sent {
  return { ...ok(job), verify: { ok: true, value: { poll: poll(more), delayMs: 1000, forMs } } };
}
