/**
 * Gathers what is asked for in one turn of the event loop, so that one script does it: the fixed cost of a script, in
 * Redis and here, is more than that of what it does for one job.
 */
export interface Gatherer<Ask, Answer> {
  /** Resolves with the answer to this one. Where the script fails, all that were in it reject: each may have been done. */
  ask(one: Ask): Promise<Answer>;
}

export interface GatherLimits<Ask> {
  /** In one script, during which Redis does nothing else. */
  readonly most: number;
  readonly bytes: number;
  readonly sizeOf: (one: Ask) => number;
}

interface Waiting<Ask, Answer> {
  readonly one: Ask;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** `run` answers for each, in their order. */
export function createGatherer<Ask, Answer>(
  run: (all: readonly Ask[]) => Promise<readonly Answer[]>,
  { most, bytes, sizeOf }: GatherLimits<Ask>,
): Gatherer<Ask, Answer> {
  let waiting: Waiting<Ask, Answer>[] = [];

  const send = (part: readonly Waiting<Ask, Answer>[]): void => {
    run(part.map(({ one }) => one)).then(
      (answers) =>
        part.forEach(({ resolve, reject }, i) => {
          const answer = answers[i];
          if (answer === undefined) reject(new Error("Redis answered for fewer than it was asked"));
          else resolve(answer);
        }),
      (error: unknown) => {
        for (const { reject } of part) reject(error);
      },
    );
  };
  const sendAll = (): void => {
    const all = waiting;
    waiting = [];
    let [from, size] = [0, 0];
    all.forEach(({ one }, at) => {
      const own = sizeOf(one);
      if (at > from && (at - from === most || size + own > bytes)) {
        send(all.slice(from, at));
        [from, size] = [at, 0];
      }
      size += own;
    });
    send(all.slice(from));
  };
  return {
    ask: (one) =>
      new Promise((resolve, reject) => {
        if (waiting.push({ one, resolve, reject }) === 1) setImmediate(sendAll);
      }),
  };
}
