import type { RouteName } from "../core/job.ts";
import { TurnoverMap } from "../core/turnover.ts";
import type { AnswerToKeep, IdempotencyKey, KeyClaim } from "../spool/port.ts";

/** A request under way under a key. */
export interface RunningKey {
  readonly bodyHash: string;
  /** What the store knows of the key, in a moment: whoever comes meanwhile waits for the same word. Never rejects. */
  readonly recalled: Promise<KeyClaim>;
}

/** An answer that is to be stored, and is not yet. */
export interface Unstored {
  /** Of its key, in this process. */
  readonly name: string;
  readonly route: RouteName;
  readonly key: IdempotencyKey;
  answer: AnswerToKeep;
  /** `Clock.now()` milliseconds. */
  readonly expiresAt: number;
  /** The store has been asked to take it, and has not said yet whether it did. */
  asked: boolean;
  stored: boolean;
}

/**
 * What a process knows of idempotency keys beside the store. One a process, over all routes; it outlives reloads, for
 * else a reload would let a second request run beside the first.
 */
export interface IdempotencyKeys {
  /** One entry a request under way: `limits.in_flight` is its bound. */
  readonly running: TurnoverMap<string, RunningKey>;
  /** Answers that were given though storage was away or slow. */
  readonly kept: KeptAnswers;
  /** Questions to the store that it has not answered: a store that hangs must not gather them without end. */
  asked: number;
}

export function createIdempotencyKeys(maxEntries = MAX_ENTRIES, maxBytes = MAX_BYTES): IdempotencyKeys {
  return { running: new TurnoverMap(), kept: createKeptAnswers(maxEntries, maxBytes), asked: 0 };
}

/** Answers that wait to be stored, the oldest dropped first where there are too many. */
export interface KeptAnswers {
  get(name: string, now: number): Unstored | null;
  /** Keeps it, with a copy of its body. One larger than the whole memory is not kept. */
  put(unstored: Unstored): void;
  /** Lets go of it, unless another one has its name by now. */
  remove(unstored: Unstored): void;
  /** The next one to offer to the store, or null. */
  next(now: number): Unstored | null;
  /** The store would not have it: it goes behind the others, so that one that is never taken does not hold them up. */
  defer(unstored: Unstored): void;
  readonly entries: number;
  readonly bytes: number;
}

const MAX_ENTRIES = 1000;
const MAX_BYTES = 16 * 1024 * 1024;
/** What an entry costs beside its body, header text and name. */
const ENTRY_BYTES = 512;

function createKeptAnswers(maxEntries: number, maxBytes: number): KeptAnswers {
  const answers = new Map<string, Unstored>();
  let bytes = 0;

  const drop = (name: string): void => {
    const found = answers.get(name);
    if (found === undefined) return;
    answers.delete(name);
    bytes -= sizeOf(found);
  };

  return {
    get(name, now) {
      const found = answers.get(name);
      if (found === undefined) return null;
      if (now < found.expiresAt) return found;
      drop(name);
      return null;
    },
    put(unstored) {
      drop(unstored.name);
      const size = sizeOf(unstored);
      if (size > maxBytes) return;
      // The body may be a small part of a large buffer of the connection, which would be held with it.
      unstored.answer = { ...unstored.answer, body: new Uint8Array(unstored.answer.body) };
      answers.set(unstored.name, unstored);
      bytes += size;
      for (const oldest of answers.keys()) {
        if (answers.size <= maxEntries && bytes <= maxBytes) break;
        drop(oldest);
      }
    },
    remove(unstored) {
      if (answers.get(unstored.name) === unstored) drop(unstored.name);
    },
    next(now) {
      for (const unstored of answers.values()) {
        if (now >= unstored.expiresAt) drop(unstored.name);
        else if (!unstored.asked) return unstored;
      }
      return null;
    },
    defer(unstored) {
      if (answers.get(unstored.name) !== unstored) return;
      answers.delete(unstored.name);
      answers.set(unstored.name, unstored);
    },
    get entries() {
      return answers.size;
    },
    get bytes() {
      return bytes;
    },
  };
}

function sizeOf({ name, answer }: Unstored): number {
  let size = ENTRY_BYTES + name.length + answer.body.length;
  for (const text of answer.headers) size += text.length;
  return size;
}
