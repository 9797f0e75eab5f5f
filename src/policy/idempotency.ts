import type { Clock } from "../core/clock.ts";
import { type Answer, type Exchange, FALLBACK_GRACE_MS, type Reply, type Substitute } from "../core/exchange.ts";
import type { RouteName } from "../core/job.ts";
import type { Strategy } from "../core/outcome.ts";
import type { AnswerStore, AnswerToKeep, IdempotencyKey, KeyClaim, KeyClaims } from "../spool/port.ts";
import { type IdempotencySettings, idempotencyKey, type KeyProblem } from "./idempotency.key.ts";
import type { IdempotencyKeys, RunningKey, Unstored } from "./idempotency.keys.ts";

/** Idempotency keys of one synchronous route. Null in its plan where the manifest names none. */
export interface Idempotency {
  /** Asked once a request, when its body is whole. Never rejects, and never waits long for a store that is away. */
  admit(x: Exchange): Promise<Admission>;
}

/** What is to become of a request. */
export type Admission =
  /** It has no key: as if there were no idempotency. */
  | { readonly kind: "keyless" }
  | { readonly kind: "unusable"; readonly problem: KeyProblem }
  /** The first request of this key has no answer yet. */
  | { readonly kind: "running" }
  /** The key belongs to another body. */
  | { readonly kind: "conflict" }
  | { readonly kind: "replay"; readonly answer: AnswerToKeep }
  | { readonly kind: "first"; readonly first: First };

/** The one request that runs under a key. Whoever gets it ends it, with one of these; twice is safe. */
export interface First {
  /**
   * Repeats get this answer from now on. Resolves once it is stored, so that after a crash nobody gets another one; or
   * after a moment, since storage that is away must not cost the caller its answer. Never rejects.
   */
  keep(x: Exchange, answer: AnswerToKeep): Promise<void>;
  /** It has no answer to keep: the next request of this key is the first again. */
  free(): void;
}

export interface IdempotencyDeps {
  readonly clock: Clock;
  readonly answers: AnswerStore;
  /** null where no other replica has these answers. */
  readonly claims?: KeyClaims | null;
  /** One a process. */
  readonly keys: IdempotencyKeys;
}

/** As long as a request waits for the store at most, each of the two times. */
const STORE_MS = 250;
/** Questions that a store may have open. Where it doesn't answer these, one more would not help. */
const MAX_ASKED = 1000;
/** Their answers are decisions, which must not be made twice; those of the others are makeshift. */
const DECIDING: ReadonlySet<Strategy> = new Set<Strategy>(["random_pick", "pending_approval", "spool"]);

/** Is this an answer that repeats are to get? Not one that says to come back, nor one that may be better next time. */
export function isFinal(reply: Reply): reply is Answer | Substitute {
  if (reply.kind === "fault" || reply.status === 429 || reply.status === 503) return false;
  if (reply.kind === "substitute") return DECIDING.has(reply.strategy) && reply.status < 500;
  return reply.stream === null && (reply.worth === "ok" || reply.worth === "permanent");
}

/** The keys of `route`: in the store, those under way in `deps.keys`. */
export function createIdempotency(route: RouteName, settings: IdempotencySettings, deps: IdempotencyDeps): Idempotency {
  const { clock, keys } = deps;
  const { running, kept } = keys;

  const firstOf = (name: string, key: IdempotencyKey, mine: RunningKey, owner: string): First => {
    const free = (): void => {
      if (running.get(name) === mine) running.delete(name);
    };
    return {
      free() {
        free();
        // Where that is lost the claim lapses by itself.
        deps.claims?.free(route, key, owner).catch(() => undefined);
      },
      async keep(x, answer) {
        const expiresAt = clock.now() + key.ttlMs;
        const unstored: Unstored = { name, route, key, answer, expiresAt, asked: false, stored: false };
        const left = x.deadlineAt + FALLBACK_GRACE_MS - clock.now();
        await waiting(clock, x, store(unstored, deps), Math.min(STORE_MS, left), undefined);
        if (!unstored.stored) kept.put(unstored);
        free();
      },
    };
  };

  return {
    async admit(x) {
      const made = idempotencyKey(x.headers, settings, x.body);
      if (!made.ok) return { kind: "unusable", problem: made.error };
      if (made.value === null) return { kind: "keyless" };
      const key = made.value;
      const name = `${route.app}/${route.capability} ${key.hash}`;
      const other = running.get(name);
      if (other !== undefined) {
        const from = clock.now();
        const found = await other.recalled;
        x.waitedMs += clock.now() - from;
        if (found.kind === "kept") return again(found.answer, found.answer.bodyHash, key);
        return runs(found.kind === "running" ? found.bodyHash : other.bodyHash, key);
      }
      const unstored = kept.get(name, clock.now());
      if (unstored !== null) {
        if (!unstored.asked) void store(unstored, deps);
        return again(unstored.answer, unstored.key.bodyHash, key);
      }
      // Half of the time left at most: a store that hangs must not leave the app no time to answer.
      const ms = Math.min(STORE_MS, (x.deadlineAt - clock.now()) / 2);
      const owner = deps.claims?.owner() ?? "";
      const recalled = waiting(clock, x, recall(route, key, owner, x, deps), ms, MINE);
      const mine: RunningKey = { bodyHash: key.bodyHash, recalled };
      running.set(name, mine);
      const found = await recalled;
      if (found.kind === "mine") return { kind: "first", first: firstOf(name, key, mine, owner) };
      running.delete(name);
      return found.kind === "kept" ? again(found.answer, found.answer.bodyHash, key) : runs(found.bodyHash, key);
    },
  };
}

function again(answer: AnswerToKeep, bodyHash: string, key: IdempotencyKey): Admission {
  return bodyHash === key.bodyHash ? { kind: "replay", answer } : { kind: "conflict" };
}

function runs(bodyHash: string, key: IdempotencyKey): Admission {
  return bodyHash === key.bodyHash ? { kind: "running" } : { kind: "conflict" };
}

const MINE: KeyClaim = { kind: "mine" };

/** What the store knows of a key; nothing, also where it can't say. Never rejects. */
function recall(
  route: RouteName,
  key: IdempotencyKey,
  owner: string,
  x: Exchange,
  deps: IdempotencyDeps,
): Promise<KeyClaim> {
  const { answers, claims, keys, clock } = deps;
  if (keys.asked >= MAX_ASKED) return Promise.resolve(MINE);
  keys.asked++;
  // A replica that dies holds its keys no longer than its callers would have waited.
  const ms = x.deadlineAt + FALLBACK_GRACE_MS + STORE_MS - clock.now();
  const asked = claims
    ? claims.claim(route, key, owner, ms)
    : answers.recall(route, key.hash).then((answer): KeyClaim => (answer === null ? MINE : { kind: "kept", answer }));
  return asked.then(
    (found) => {
      keys.asked--;
      storeNext(deps);
      return found;
    },
    () => {
      keys.asked--;
      return MINE;
    },
  );
}

/** Offers an answer to the store. Resolves when it has said something. Never rejects. */
function store(unstored: Unstored, deps: IdempotencyDeps): Promise<void> {
  const { clock, answers, keys } = deps;
  const { route, key, answer, expiresAt } = unstored;
  if (keys.asked >= MAX_ASKED) return Promise.resolve();
  keys.asked++;
  unstored.asked = true;
  return answers.remember(route, { ...key, ttlMs: expiresAt - clock.now() }, answer).then(
    () => {
      keys.asked--;
      unstored.stored = true;
      keys.kept.remove(unstored);
      storeNext(deps);
    },
    () => {
      keys.asked--;
      unstored.asked = false;
      keys.kept.defer(unstored);
    },
  );
}

/** The store has answered, so it may be back: what it missed is offered to it again, one after the other. */
function storeNext(deps: IdempotencyDeps): void {
  const unstored = deps.keys.kept.next(deps.clock.now());
  if (unstored !== null) void store(unstored, deps);
}

/** What `promise`, which never rejects, comes to, or `late` after `ms`. The time is none of ours. */
async function waiting<T>(clock: Clock, x: Exchange, promise: Promise<T>, ms: number, late: T): Promise<T> {
  if (ms <= 0) return late;
  const from = clock.now();
  const value = await new Promise<T>((resolve) => {
    const timer = clock.after(ms, resolve, late);
    void promise.then((found) => {
      clock.cancel(timer);
      resolve(found);
    });
  });
  x.waitedMs += clock.now() - from;
  return value;
}
