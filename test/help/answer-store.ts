import type { Clock } from "../../src/core/clock.ts";
import type { AnswerStore, StoredAnswer } from "../../src/spool/port.ts";

/** `hold`: it says nothing until `release`. */
type Manner = "answer" | "reject" | "hold";

/** A store of answers in memory that is as slow or as broken as a test wants. */
export interface TestAnswerStore extends AnswerStore {
  recalling: Manner;
  remembering: Manner;
  /** Lets the oldest question that is held be answered, or fail. False where none is. */
  release(verb: "recall" | "remember", how?: "answer" | "reject"): boolean;
  /** Resolves once it was asked for `n` things, all told. */
  asked(n: number): Promise<void>;
  /** Questions so far. */
  readonly recalls: number;
  readonly remembers: number;
  /** Answers it has. */
  readonly size: number;
}

export function createAnswerStore(clock: Clock): TestAnswerStore {
  const answers = new Map<string, { readonly answer: StoredAnswer; readonly expiresAt: number }>();
  const held = { recall: [] as ((how: Manner) => void)[], remember: [] as ((how: Manner) => void)[] };
  let recalls = 0;
  let remembers = 0;

  const wake: (() => void)[] = [];
  const ask = <T>(verb: "recall" | "remember", manner: Manner, act: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      const end = (how: Manner): void => {
        if (how === "answer") resolve(act());
        else reject(new Error("storage is away"));
      };
      for (const tell of wake.splice(0)) tell();
      if (manner === "hold") held[verb].push(end);
      else end(manner);
    });

  return {
    recalling: "answer",
    remembering: "answer",
    recall(route, hash) {
      recalls++;
      return ask("recall", this.recalling, () => {
        const found = answers.get(`${route.app}/${route.capability} ${hash}`);
        return found === undefined || clock.now() >= found.expiresAt ? null : found.answer;
      });
    },
    remember(route, { hash, bodyHash, ttlMs }, answer) {
      remembers++;
      const stored = { ...answer, body: Uint8Array.from(answer.body), bodyHash };
      return ask("remember", this.remembering, () => {
        answers.set(`${route.app}/${route.capability} ${hash}`, { answer: stored, expiresAt: clock.now() + ttlMs });
      });
    },
    release(verb, how = "answer") {
      const end = held[verb].shift();
      end?.(how);
      return end !== undefined;
    },
    asked: async (n) => {
      while (recalls + remembers < n) await new Promise<void>((resolve) => wake.push(resolve));
    },
    get recalls() {
      return recalls;
    },
    get remembers() {
      return remembers;
    },
    get size() {
      return answers.size;
    },
  };
}
