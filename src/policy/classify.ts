import type { Reply, Worth } from "../core/exchange.ts";
import type { FaultKind } from "../core/fault.ts";
import type { Reason } from "../core/outcome.ts";
import type { RetrySettings, StatusRange, WorthCode } from "../core/settings.route.ts";

/** What the result of a try is worth, by `retry.transient`, `retry.permanent` and `response.status` of a route. */

export interface Rating {
  readonly worth: Worth;
  /** Why it is not `ok`, else null. */
  readonly reason: Reason | null;
}

export interface Classifier {
  /** By the status alone. `pushedBack`: the answer bore a Retry-After that means something. Allocates nothing. */
  ofStatus(status: number, pushedBack: boolean): Rating;
  /** Of a try that brought no whole answer. */
  ofFault(reason: FaultKind): Worth;
  /** Of an answer whose format or schema is not as promised. */
  readonly invalidResponse: Rating;
  /**
   * Of an envelope that says `success: false`. A code that a list names decides over the class of the status, never
   * over its number; else a status of 400 and above decides; else `retryable`.
   */
  ofEnvelope(code: string, retryable: boolean, status: number, pushedBack: boolean): Rating;
  /** Of whatever came back up the chain. */
  ofReply(reply: Reply): Worth;
}

const RATINGS = {
  ok: { worth: "ok", reason: null },
  transient: { worth: "transient", reason: "status" },
  permanent: { worth: "permanent", reason: "status" },
  pushBack: { worth: "push_back", reason: "status" },
  invalid: { worth: "transient", reason: "invalid_response" },
  invalidKept: { worth: "permanent", reason: "invalid_response" },
} as const satisfies Record<string, Rating>;

const MAX_STATUS = 999;
/** The words of the lists that name kinds of failure or classes; every other word is an error code of an envelope. */
const NO_ERROR_CODE = /^(?:timeout|network|invalid_response|[1-9]xx)$/;

/**
 * Compiles the lists to one table over all statuses. Codes beat classes; `transient` beats `permanent` between equals.
 * A kind (`timeout`, `network`, `invalid_response`) is transient only where `transient` names it.
 */
export function compileClassifier(
  retry: Pick<RetrySettings, "transient" | "permanent">,
  expected: readonly StatusRange[],
): Classifier {
  const transient: ReadonlySet<WorthCode> = new Set(retry.transient);
  const permanent: ReadonlySet<WorthCode> = new Set(retry.permanent);
  const ofKind = (kind: string): Worth => (transient.has(kind) ? "transient" : "permanent");
  const invalidResponse = ofKind("invalid_response") === "transient" ? RATINGS.invalid : RATINGS.invalidKept;
  const listed = (code: WorthCode): Rating | null =>
    transient.has(code) ? RATINGS.transient : permanent.has(code) ? RATINGS.permanent : null;
  const classes = Array.from({ length: 10 }, (_, first) => listed(`${first}xx`));
  const statusRating = (status: number): Rating => {
    const named = listed(status) ?? classes[Math.floor(status / 100)] ?? null;
    if (named !== null) return named;
    if (status >= 400) return RATINGS.permanent;
    return expected.some((range) => status >= range.from && status <= range.to) ? RATINGS.ok : invalidResponse;
  };
  const table = Array.from({ length: MAX_STATUS + 1 }, (_, status) => statusRating(status));

  const ofStatus = (status: number, pushedBack: boolean): Rating => {
    const rating = table[status] ?? RATINGS.permanent;
    return rating === RATINGS.transient && (status === 429 || (status === 503 && pushedBack))
      ? RATINGS.pushBack
      : rating;
  };
  const ofFault = (reason: FaultKind): Worth => {
    const kind = KIND_OF[reason];
    return kind === "ignored" ? kind : ofKind(kind);
  };
  return {
    ofStatus,
    ofFault,
    invalidResponse,
    ofEnvelope(code, retryable, status, pushedBack) {
      const byCode = NO_ERROR_CODE.test(code) || listed(status) !== null ? null : listed(code);
      if (byCode !== null) return byCode;
      if (status >= 400) return ofStatus(status, pushedBack);
      return retryable ? RATINGS.transient : RATINGS.permanent;
    },
    ofReply(reply) {
      if (reply.kind === "fault") return reply.aborted ? "ignored" : ofFault(reply.reason);
      return reply.kind === "answer" ? reply.worth : "ignored";
    },
  };
}

/**
 * Classifiers of one manifest, by what they are compiled from. Most routes say the same of it, and a table is of a
 * thousand entries.
 */
export function createClassifiers(): typeof compileClassifier {
  const known = new Map<string, Classifier>();
  return (retry, expected) => {
    const key = JSON.stringify([retry.transient, retry.permanent, expected]);
    let classifier = known.get(key);
    if (classifier === undefined) {
      classifier = compileClassifier(retry, expected);
      known.set(key, classifier);
    }
    return classifier;
  };
}

/**
 * The word of the lists for each fault. What we refused before the app was asked (breaker, slots, time, an
 * address that may not be dialled) says nothing about the app.
 */
const KIND_OF: Readonly<Record<FaultKind, "timeout" | "network" | "invalid_response" | "ignored">> = {
  timeout: "timeout",
  connect: "network",
  dns: "network",
  tls: "network",
  reset: "network",
  invalid_response: "invalid_response",
  egress: "ignored",
  breaker_open: "ignored",
  no_upstream: "ignored",
  overload: "ignored",
  deadline: "ignored",
};
